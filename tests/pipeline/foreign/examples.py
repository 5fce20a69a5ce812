"""A file of each system that has most of what is translated."""

from __future__ import annotations

GITHUB = """\
name: Build and test
on:
  push: {branches: [main], paths-ignore: ['docs/**']}
  pull_request: {branches: [main]}
permissions: {contents: read}
env: {LEVEL: "3", WHO: "${{ github.actor }}"}
jobs:
  unit:
    name: Unit tests
    runs-on: ${{ matrix.os }}
    timeout-minutes: 20
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        os: [ubuntu-latest, windows-latest]
        color: [red, "dark green"]
        exclude: [{os: windows-latest, color: red}]
    outputs: {made: "${{ steps.make.outputs.name }}"}
    steps:
      - uses: actions/checkout@v4
      - name: Make it
        id: make
        env: {SHADE: "very ${{ matrix.color }}"}
        run: |
          # '${{ matrix.color }}' isn't quoted here
          echo "name=it" >> $GITHUB_OUTPUT
          echo 'single: ${{ matrix.color }}' "double: ${{ env.SHADE }}"
      - name: Only for red
        if: matrix.color == 'red' && github.event_name != 'schedule'
        continue-on-error: true
        run: exit 3
      - if: always()
        shell: python
        run: print("python says", 1 + 1)
      - uses: actions/upload-artifact@v4
        with: {name: made, path: "out/*.txt", retention-days: 3}
  report:
    needs: [unit]
    runs-on: ubuntu-latest
    if: ${{ !cancelled() && github.ref == 'refs/heads/main' }}
    steps:
      - run: echo "got ${{ secrets.TOKEN }}"
        working-directory: ./sub/
"""

GITLAB = """\
stages: [build, test, release]
variables: {BASE: /opt, PREFIX: $BASE/app, WHERE: $CI_PROJECT_DIR/x}
default: {image: "alpine:3"}
.shared: &shared
  before_script: [echo before]
  variables: {EXTRA: "1"}
build:
  extends: .shared
  stage: build
  script:
    - echo "$PREFIX in $WHERE"
    - - echo nested
  artifacts: {paths: [out/], exclude: [out/tmp], expire_in: 2 weeks}
  retry: 2
  timeout: 1h 30m
test:
  <<: *shared
  script: [!reference [.shared, before_script], "echo $COLOR"]
  after_script: [echo after]
  parallel: {matrix: [{COLOR: [red, green]}]}
  allow_failure: true
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      changes: ["src/**"]
    - if: $CI_COMMIT_BRANCH == "main" && $EXTRA
release:
  stage: release
  image: {name: "debian:12", entrypoint: [""]}
  script: ./release
  only: [tags, /^release-.*$/]
"""

WOODPECKER = """\
when: [{event: push, branch: [main, "release/*"]}, {event: pull_request}]
matrix: {GO: ["1.22", "1.23"]}
steps:
  - name: test
    image: golang:${GO}
    environment: {COLOR: red, TOKEN: {from_secret: api_token}}
    commands: ["go test ./...", "echo $${HOME} ${GO} ${CI_COMMIT_SHA}"]
  - name: publish
    image: alpine
    commands: ["./publish"]
    when: {event: tag, status: [success, failure]}
    depends_on: [test]
    failure: ignore
"""

EXAMPLES = {
    ".github/workflows/ci.yml": GITHUB,
    ".gitlab-ci.yml": GITLAB,
    ".woodpecker.yml": WOODPECKER,
}
