# Sourced by tests/*/run: the built binary as a server over a folder of its own, and one line for each test.
#
#   server_start [NAME=VALUE …]   starts it on a free port with these environment variables; sets URL
#   server_stop                   stops it and removes the folder
#   ok NAME / not_ok NAME [WHY]   one test each
#   finish                        prints the closing line, exits 1 when anything failed
set -u
passed=0 failed=0 skipped=0
URL="" folder="" server=""

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${SYMBOLON_BIN:-}" ]; then
  binary=$SYMBOLON_BIN
else
  (cd "$root" && cargo build --quiet --locked -p symbolon-server --bin symbolon) || exit 1
  binary=${CARGO_TARGET_DIR:-$root/target}/debug/symbolon
fi

ok() { passed=$((passed + 1)); printf 'ok %s\n' "$1"; }
not_ok() { failed=$((failed + 1)); printf 'not ok %s%s\n' "$1" "${2:+: $2}"; }
skip() { skipped=$((skipped + 1)); printf 'skipped: %s\n' "$1"; }

server_start() {
  folder=$(mktemp -d)
  env "$@" "$binary" serve --listen 127.0.0.1:0 --data "$folder/data" >"$folder/out" 2>"$folder/log" &
  server=$!
  local tries
  for tries in $(seq 600); do
    URL=$(sed -n 's/^Symbolon is at //p' "$folder/out")
    if [ -n "$URL" ] && curl -fsS -o /dev/null "$URL/readyz" 2>/dev/null; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  echo "the server does not start:" >&2
  cat "$folder/log" >&2
  exit 1
}

server_stop() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=""
  rm -rf "$folder"
}
trap server_stop EXIT

finish() {
  server_stop
  printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ]
  exit
}
