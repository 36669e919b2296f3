#!/usr/bin/env bash
# One run of Tare for action.yml. All inputs come as variables and are quoted: none is ever a part of the script.
set -uo pipefail
bin=${RUNNER_TEMP:-/tmp}/tare-bin
mkdir -p "$bin"
for name in "$INPUT_SARIF_FILE" "$INPUT_JSON_FILE"; do
  case $name in
    *[$'\n\r']*) echo "sarif-file, json-file: a file's name of one line is wanted" >&2; exit 2 ;; # it would write other outputs
  esac
done

# The program: a release, whose checksum is that of its list, or else this source.
if [ -n "$INPUT_VERSION" ]; then
  version=${INPUT_VERSION#v}
  case $version in
    *[!0-9.a-z-]*) echo "version: want one such as 0.1.0" >&2; exit 2 ;;
  esac
  os=$(uname -s | tr '[:upper:]' '[:lower:]') arch=$(uname -m)
  case $arch in x86_64) arch=amd64 ;; aarch64 | arm64) arch=arm64 ;; esac
  file=tare_${version}_${os}_${arch}.tar.gz
  from=${GITHUB_SERVER_URL:-https://github.com}/tareweight/tare/releases/download/v$version
  (cd "$bin" && curl -fsSL --retry 3 -O "$from/$file" -O "$from/checksums.txt" &&
    grep " $file\$" checksums.txt | sha256sum -c --quiet - && tar xzf "$file" tare) ||
    { echo "version: $version cannot be had, or its checksum is wrong" >&2; exit 2; }
else
  (cd "$ACTION_DIR" && CGO_ENABLED=0 go build -trimpath -o "$bin/tare" ./cmd/tare) || exit 2
fi

cd "${INPUT_WORKING_DIRECTORY:-.}" || exit 2
args=(--fail-on "$INPUT_FAIL_ON" --timeout "$INPUT_TIMEOUT" -f "sarif=$INPUT_SARIF_FILE" -f "json=$INPUT_JSON_FILE" -f "text=$bin/report.txt"
  -f "github=$bin/report.github" -f "markdown=$bin/report.md")
add() { [ -z "$2" ] || args+=("$1" "$2"); }
add --image "$INPUT_IMAGE"
add --baseline-image "$INPUT_BASELINE_IMAGE"
add --baseline "$INPUT_BASELINE"
add --since "$INPUT_SINCE"
add --target "$INPUT_TARGET"
add --platform "$INPUT_PLATFORM"
add --only "$INPUT_ONLY"
add --skip "$INPUT_SKIP"
add --config "$INPUT_CONFIG"
add --cache-dir "$INPUT_CACHE_DIR"
add --trust-registry "$INPUT_TRUST_REGISTRY"
case $INPUT_CONFIG_REF in
  "") ;;
  none) args+=(--no-config) ;;
  *) args+=(--config-ref "$INPUT_CONFIG_REF") ;;
esac
while IFS= read -r line; do # one argument on each line
  [ -z "$line" ] || args+=("$line")
done <<<"$INPUT_ARGS"
rm -f "$bin"/report.*

status=0
# From here on nothing that is printed is a workflow command: not what an image, a
# Dockerfile or a registry says, on standard error neither.
stop=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
echo "::stop-commands::$stop"
"$bin/tare" check "${args[@]}" -- "$INPUT_PATH" || status=$?
[ ! -f "$bin/report.txt" ] || cat "$bin/report.txt"
echo "::$stop::"
# Tare's own commands: no text of a stranger begins a line of them.
if [ "$INPUT_ANNOTATIONS" = true ] && [ -f "$bin/report.github" ]; then cat "$bin/report.github"; fi

{
  echo "sarif-file=$INPUT_SARIF_FILE"
  echo "json-file=$INPUT_JSON_FILE"
  echo "status=$status"
  if [ -f "$INPUT_JSON_FILE" ] && command -v jq >/dev/null; then
    jq -r '"findings=\([.targets[].findings[]?] | length)", "sizes=\([.targets[].image | select(. != null) | {name, unpackedBytes, compressedBytes}] | tojson)"' "$INPUT_JSON_FILE"
  fi
} >>"$GITHUB_OUTPUT"
if [ "$INPUT_SUMMARY" = true ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$bin/report.md" ]; then cat "$bin/report.md" >>"$GITHUB_STEP_SUMMARY"; fi
if [ "$INPUT_COMMENT" = true ] && [ -f "$bin/report.md" ]; then bash "$ACTION_DIR/action/comment.sh" "$bin/report.md"; fi
exit "$status"
