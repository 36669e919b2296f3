#!/usr/bin/env bash
# Puts a report into one comment of the pull request, and updates it in place. What is not allowed, as with the
# token of a fork, is said, and fails nothing.
set -uo pipefail
marker='<!-- tare -->'
number=$(jq -r '.pull_request.number // empty' "${GITHUB_EVENT_PATH:-/dev/null}" 2>/dev/null)
if [ -z "$number" ]; then
  echo "comment: this is no run of a pull request"
  exit 0
fi
api=${GITHUB_API_URL:-https://api.github.com}/repos/$GITHUB_REPOSITORY
call() { curl -fsS --retry 2 --max-time 30 -H @<(printf 'Authorization: Bearer %s' "$INPUT_TOKEN") -H "Accept: application/vnd.github+json" "$@"; }
body=$(jq -n --rawfile text "$1" --arg marker "$marker" '{body: ($marker + "\n" + $text)}')
# Only a comment of this token's own is updated: anyone may write the marker. A workflow's token has no user, and writes as a bot.
me=$(call "${GITHUB_API_URL:-https://api.github.com}/user" 2>/dev/null | jq -r '.login // empty')
id="" page=1
while [ "$page" -le 20 ]; do
  list=$(call "$api/issues/$number/comments?per_page=100&page=$page") || { echo "comment: the comments cannot be read: the token lacks pull-requests: read"; exit 0; }
  id=$(jq -r --arg marker "$marker" --arg me "$me" '[.[] | select((if $me == "" then .user.type == "Bot" else .user.login == $me end) and (.body | startswith($marker)))][0].id // empty' <<<"$list")
  if [ -n "$id" ] || [ "$(jq length <<<"$list")" -lt 100 ]; then break; fi
  page=$((page + 1))
done
if [ -n "$id" ]; then
  call -X PATCH -d "$body" "$api/issues/comments/$id" >/dev/null || echo "comment: it cannot be updated: a fork's token may not (pull-requests: write)"
else
  call -X POST -d "$body" "$api/issues/$number/comments" >/dev/null || echo "comment: it cannot be written: a fork's token may not (pull-requests: write)"
fi
exit 0
