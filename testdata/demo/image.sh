#!/usr/bin/env bash
# Makes testdata/demo/image: the image of the Dockerfile beside this script, built by a real BuildKit. Its base is a stand-in for
# python:3.11, a thousandth of its size: busybox, tcc with Debian's package records, and a pip that only unpacks wheels.
# usage: image.sh BUILDKIT-ADDRESS REGISTRY INDEX     (see .ci/testbed)
set -euo pipefail
address=$1 registry=$2 index=$3 here=$(cd "$(dirname "$0")" && pwd) t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
r=$t/base/root; mkdir -p "$r"/{bin,usr/bin,usr/local/bin,lib64,lib/x86_64-linux-gnu,etc,tmp,var/lib/dpkg/info,usr/local/lib/python3.11/site-packages}

cp "$(command -v busybox)" "$r/bin/busybox"
for tool in sh cp mkdir rm sed grep cut head wget unzip cat ls tr; do ln -s busybox "$r/bin/$tool"; done
(cd "$t" && apt-get download -q tcc libc6 >/dev/null && for d in *.deb; do dpkg-deb -x "$d" "${d%%_*}"; done)
cp "$t"/tcc/usr/bin/*tcc "$r/usr/bin/"; ln -s tcc "$r/usr/bin/cc"
cp -L "$t"/libc6/lib/x86_64-linux-gnu/{libc.so.6,libm.so.6,libdl.so.2,libpthread.so.0} "$r/lib/x86_64-linux-gnu/"
cp -L "$t"/libc6/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$r/lib64/"
for p in tcc libc6; do
  dpkg-deb -f "$t"/$p"_"*.deb Package Version Architecture | sed '/^Package/a Status: install ok installed'; echo
done >"$r/var/lib/dpkg/status"
(cd "$r" && find ./usr/bin -name '*tcc' | sed 's/^\.//') >"$r/var/lib/dpkg/info/tcc.list"
(cd "$r" && find ./lib ./lib64 -type f | sed 's/^\.//') >"$r/var/lib/dpkg/info/libc6:amd64.list"
printf 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="stand-in for python:3.11"\n' >"$r/etc/os-release"
cat >"$r/usr/local/bin/pip" <<'PIP'
#!/bin/sh
# pip install [-r FILE] [NAME...]: unpacks each distribution's newest wheel, and nothing that it requires.
set -e; shift
[ "$1" != -r ] || set -- $(sed 's/#.*//' "$2")
for word in "$@"; do
  name=$(echo "$word" | sed 's/[^A-Za-z0-9._-].*//' | tr 'A-Z_' 'a-z-')
  file=$(wget -q -O - "$PIP_INDEX_URL/$name/" | grep -o 'href="[^"#]*' | cut -c7- | head -n 1)
  wget -q -O /tmp/w.whl "${PIP_INDEX_URL%/simple}$file" && unzip -q -o /tmp/w.whl -d /usr/local/lib/python3.11/site-packages && rm /tmp/w.whl
done
PIP
chmod +x "$r/usr/local/bin/pip"
tar -C "$r" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$t/base/root.tar" . && rm -rf "$r"
printf 'FROM scratch\nADD root.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin PYTHON_VERSION=3.11.7\nCMD ["python3"]\n' >"$t/base/Dockerfile"

build() { buildctl --addr "$address" build --frontend dockerfile.v0 --opt force-network-mode=host --allow network.host --opt build-arg:SOURCE_DATE_EPOCH=0 "$@"; }
build --local context="$t/base" --local dockerfile="$t/base" --output "type=image,name=$registry/demo/python:3.11,push=true,registry.insecure=true,oci-mediatypes=true,rewrite-timestamp=true"
rm -rf "$here/image"
build --local context="$here" --local dockerfile="$here" --opt "context:python:3.11=docker-image://$registry/demo/python:3.11" --opt build-arg:PIP_INDEX_URL="$index" \
  --output "type=oci,dest=$here/image,tar=false,oci-mediatypes=true,rewrite-timestamp=true"
 rm -rf "$here/image/ingest" "$here/image/index.json.lock"; du -sh "$here/image"
