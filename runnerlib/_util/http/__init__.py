"""One request of HTTP after the other, by the standard library: proxies, TLS, time limits, cancellation.

`target` takes URLs apart and follows redirects, `proxy` reads the environment, `reach` says how near an address is,
`connection` connects. Of what the clients on top of the standard library add (pools, sessions, cookies, decoding)
nothing is wanted here, and what a redirect may lead to has to be decided by hand all the same.
"""
