// Package rpmdb reads the databases of rpm, in the three forms that distributions use: SQLite
// (Fedora since 33, RHEL and UBI since 9, Amazon Linux 2023), NDB (SUSE) and Berkeley DB (RHEL 8
// and before, Amazon Linux 2). It reads them from memory: the libraries that there are open paths,
// and an image's files are not written to disk. A page or a block is read once at most, so that a
// file that leads in circles ends.
package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Names are the names of the database in the directory of rpm. What SQLite has not written into
// it yet is in a file of its name with "-wal".
var Names = []string{"rpmdb.sqlite", "Packages.db", "Packages"}

// Dirs are the directories of rpm in an image, without a leading slash.
var Dirs = []string{"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"}

// Limits of what a database of strangers may list. The largest images hold some thousands of
// packages with some hundred thousand files.
const (
	maxPackages = 50_000
	maxFiles    = 1_000_000
)

// A Package is one installed package.
type Package struct {
	Name    string
	Version string // [EPOCH:]VERSION-RELEASE
	Arch    string
	Source  string   // the file name of the source package, or ""
	Files   []string // absolute paths of what it owns, directories too, but for ghosts, which it does not bring
}

// errDamaged is a file that is not what its first bytes say.
var errDamaged = errors.New("the database is damaged")

// Read reads a database: its packages in its order. What was read before an error is returned
// with it.
func Read(data []byte) (list []*Package, err error) {
	files, bytes := 0, 0
	add := func(header []byte) error {
		if bytes += len(header); bytes > len(data) { // headers that lie in each other
			return errDamaged
		}
		if len(list) == maxPackages {
			return fmt.Errorf("more than the limit of %d packages", maxPackages)
		}
		p, err := parse(header, maxFiles-files)
		if err != nil {
			return err
		}
		files += len(p.Files)
		if p.Name != "gpg-pubkey" { // a key, which rpm keeps as a package
			list = append(list, p)
		}
		return nil
	}
	switch {
	case len(data) >= 100 && string(data[:16]) == "SQLite format 3\x00":
		err = sqlite(data, add)
	case len(data) >= 32 && binary.LittleEndian.Uint32(data) == ndbMagic:
		err = ndb(data, add)
	case len(data) >= 72 && (binary.LittleEndian.Uint32(data[12:]) == bdbMagic || binary.BigEndian.Uint32(data[12:]) == bdbMagic):
		err = bdb(data, add)
	default:
		err = errors.New("it is none of rpm's databases")
	}
	return list, err
}

// slice is n bytes of data from an offset, or an error.
func slice(data []byte, from, n int) ([]byte, error) {
	if from < 0 || n < 0 || from > len(data) || n > len(data)-from {
		return nil, errDamaged
	}
	return data[from : from+n], nil
}
