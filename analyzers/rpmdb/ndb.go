package rpmdb

import (
	"encoding/binary"
)

// The form of NDB (rpm, lib/backend/ndb/rpmpkg.c): pages of slots at the beginning, of which the
// first two hold the header, and blobs in blocks of 16 bytes. Numbers are little endian.
const (
	ndbMagic  = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	slotMagic = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	blobMagic = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
	slotSize  = 16
	ndbPage   = 4096
)

// ndb hands on the blobs that the slots name.
func ndb(data []byte, add func([]byte) error) error {
	pages := int(binary.LittleEndian.Uint32(data[12:]))
	if pages < 1 || pages > len(data)/ndbPage {
		return errDamaged
	}
	seen := map[uint32]bool{}
	for at := 2 * slotSize; at < pages*ndbPage; at += slotSize {
		slot := data[at : at+slotSize]
		if binary.LittleEndian.Uint32(slot) != slotMagic {
			return errDamaged
		}
		pkg, block := binary.LittleEndian.Uint32(slot[4:]), binary.LittleEndian.Uint32(slot[8:])
		if pkg == 0 { // it is free
			continue
		}
		head, err := slice(data, int(block)*slotSize, slotSize)
		if err != nil || seen[block] || binary.LittleEndian.Uint32(head) != blobMagic || binary.LittleEndian.Uint32(head[4:]) != pkg {
			return errDamaged
		}
		seen[block] = true
		blob, err := slice(data, (int(block)+1)*slotSize, int(binary.LittleEndian.Uint32(head[12:])))
		if err == nil {
			err = add(blob)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
