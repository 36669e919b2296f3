"""Writes small databases in each form of rpm's, of the same three packages and a key:

    python3 make.py

SQLite's is written by Python's sqlite3; the others follow rpm's lib/backend/ndb/rpmpkg.c
and Berkeley DB's src/dbinc/db_page.h. What real rpm writes is read by TestDebian.
"""
import os, sqlite3, struct

STRING, STRINGS, INT32 = 6, 8, 4


def header(tags):
    index, store = b"", b""
    for tag, kind, value in tags:
        if kind == INT32:
            store += b"\0" * (-len(store) % 4)
            raw, count = b"".join(struct.pack(">I", v) for v in value), len(value)
        elif kind == STRINGS:
            raw, count = b"".join(v.encode() + b"\0" for v in value), len(value)
        else:
            raw, count = value.encode() + b"\0", 1
        index += struct.pack(">IIiI", tag, kind, len(store), count)
        store += raw
    return struct.pack(">II", len(tags), len(store)) + index + store


def package(name, version, release, arch, files, epoch=None, ghosts=()):
    dirs = sorted({f.rsplit("/", 1)[0] + "/" for f in files})
    tags = [(1000, STRING, name), (1001, STRING, version), (1002, STRING, release), (1022, STRING, arch),
            (1044, STRING, name + ".src.rpm")]
    if epoch is not None:
        tags.append((1003, INT32, [epoch]))
    if files:
        tags += [(1037, INT32, [64 if f in ghosts else 0 for f in files]),
                 (1116, INT32, [dirs.index(f.rsplit("/", 1)[0] + "/") for f in files]),
                 (1117, STRINGS, [f.rsplit("/", 1)[1] for f in files]), (1118, STRINGS, dirs)]
    return header(tags)


HEADERS = [
    package("bash", "5.1", "2.el9", "x86_64", ["/usr/bin/bash", "/usr/bin/sh", "/etc/skel/.bashrc"]),
    package("gpg-pubkey", "fd431d51", "4ae0493b", "noarch", []),
    package("python3", "3.9.18", "1.el9", "x86_64", ["/usr/lib64/python3.9/m%03d.py" % i for i in range(300)], epoch=1),
    package("empty", "1", "1", "noarch", ["/var/log/empty.log"], ghosts=["/var/log/empty.log"]),
]


def sqlite(path):
    if os.path.exists(path):
        os.remove(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA page_size = 512")
    db.execute("CREATE TABLE 'Other' (key TEXT NOT NULL)")
    db.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)")
    db.execute("CREATE INDEX 'Other_key_idx' ON 'Other'(key ASC)")
    for h in HEADERS:
        db.execute("INSERT INTO Packages (blob) VALUES (?)", (h,))
    for i in range(300):  # rows enough for inner pages; those of one package each
        db.execute("INSERT INTO Packages (blob) VALUES (?)", (package("p%03d" % i, "1", "1", "noarch", ["/opt/p%03d" % i]),))
    db.commit()
    db.execute("VACUUM")
    db.close()


def ndb(path):
    blobs, slots, at = b"", b"", 4096
    for i, h in enumerate(HEADERS):
        blob = struct.pack("<IIII", 0x53626C42, i + 1, 1, len(h)) + h
        blob += b"\0" * (-(len(blob) + 12) % 16) + struct.pack("<II", 0, len(h)) + b"BlbE"
        slots += struct.pack("<IIII", 0x746F6C53, i + 1, at // 16, len(blob) // 16)
        blobs, at = blobs + blob, at + len(blob)
    head = struct.pack("<IIII", 0x506D7052, 0, 1, 1) + b"\0" * 16
    free = struct.pack("<IIII", 0x746F6C53, 0, 0, 0)
    slots += free * ((4096 - 32 - len(slots)) // 16)
    open(path, "wb").write(head + slots + blobs)


def bdb(path, order):
    size = 512
    pages = {}

    def page(n, kind, entries=0, hf=0, nxt=0, body=b""):
        head = b"\0" * 8 + struct.pack(order + "IIIHHBB", n, 0, nxt, entries, hf, 0, kind)
        pages[n] = (head + body).ljust(size, b"\0")

    items = [(struct.pack(order + "I", 0), struct.pack(order + "I", len(HEADERS)))]
    free = 2
    for i, h in enumerate(HEADERS):
        if len(h) < 150:
            value = b"\x01" + h
        else:
            value = b"\x03\0\0\0" + struct.pack(order + "II", free, len(h))
            parts = [h[j:j + size - 26] for j in range(0, len(h), size - 26)]
            for j, part in enumerate(parts):
                page(free, 7, 1, len(part), free + 1 if j + 1 < len(parts) else 0, part)
                free += 1
        items.append((struct.pack(order + "I", i + 1), value))
    index, stack, at = b"", b"", size
    for key, value in items:
        for item in (b"\x01" + key, value if value[:1] in b"\x01\x03" and len(value) > 4 else b"\x01" + value):
            at -= len(item)
            index += struct.pack(order + "H", at)
            stack = item + stack
    body = index.ljust(size - 26 - len(stack), b"\0") + stack
    page(1, 13, 2 * len(items), at, 0, body)
    meta = b"\0" * 8 + struct.pack(order + "IIIIBBBBII", 0, 0x061561, 9, size, 0, 8, 0, 0, 0, free - 1)
    pages[0] = meta.ljust(size, b"\0")
    open(path, "wb").write(b"".join(pages[n] for n in sorted(pages)))


os.chdir(os.path.dirname(os.path.abspath(__file__)))
sqlite("rpmdb.sqlite")
ndb("Packages.db")
bdb("Packages", "<")
bdb("Packages.big-endian", ">")
