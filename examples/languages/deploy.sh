#!/bin/sh
# A step in the shell: registers a secret, hands an output on, starts a job, tells a finding.
set -eu
prefix=shell-
token=$prefix'Kq7vZx9wPf3mBn'
printf %s "$token" | runnerlib register-secret # never as an argument: every process can read those
echo "deploying with $token"
echo "version=1.2" >>"$RUNNERLIB_OUTPUT"
echo '{"job_name": "smoke", "env": {"TARGET": "shell"}}' >>"$RUNNERLIB_TRIGGERS"
echo "deploy.yaml:3:7: warning: no health check" # in gcc's form, for `problem_matchers: [gcc]`
