"""Small tools that several packages share and that know nothing of jobs: graphs, paths, files, pipes, cancellation."""
