package rpmdb

import (
	"encoding/binary"
)

// The form of a hash of Berkeley DB (db 5.3, src/dbinc/db_page.h): pages of 26 bytes of header,
// an array of offsets, and items that are stacked from the end of the page, keys and values in turn.
const (
	bdbMagic = 0x061561

	pageHeader     = 26
	pageHashOld    = 2
	pageOverflow   = 7
	pageHash       = 13
	itemKeyData    = 1
	itemOffPage    = 3
	offPageSize    = 12
	leastHashPages = 512
)

// A hash is the pages of a file, each of overflow read once at most.
type hash struct {
	data  []byte
	size  int
	order binary.ByteOrder
	seen  []bool
}

// bdb hands on the values of the hash Packages. The value of key 0 is a counter.
func bdb(data []byte, add func([]byte) error) error {
	h := &hash{data: data, order: binary.LittleEndian}
	if h.order.Uint32(data[12:]) != bdbMagic {
		h.order = binary.BigEndian
	}
	h.size = int(h.order.Uint32(data[20:]))
	if h.size < leastHashPages || h.size > 64<<10 || h.size&(h.size-1) != 0 {
		return errDamaged
	}
	if last := int64(h.order.Uint32(data[32:])); data[24] != 0 || (last+1)*int64(h.size) > int64(len(data)) { // encrypted, or cut off
		return errDamaged
	}
	h.seen = make([]bool, len(data)/h.size)
	for n := 1; n < len(h.seen); n++ {
		page := data[n*h.size : (n+1)*h.size]
		if kind := page[25]; kind != pageHash && kind != pageHashOld {
			continue
		}
		if err := h.page(page, add); err != nil {
			return err
		}
	}
	return nil
}

// page hands on the values of a page of the hash.
func (h *hash) page(page []byte, add func([]byte) error) error {
	items, err := slice(page, pageHeader, 2*int(h.order.Uint16(page[20:])))
	if err != nil {
		return err
	}
	end := h.size
	for i := 0; i+1 < len(items); i += 2 {
		at := int(h.order.Uint16(items[i:]))
		item, err := slice(page, at, end-at)
		if err != nil || len(item) == 0 {
			return errDamaged
		}
		end = at
		if i%4 == 0 { // a key
			continue
		}
		var value []byte
		switch item[0] {
		case itemKeyData:
			value = item[1:]
		case itemOffPage:
			if len(item) < offPageSize {
				return errDamaged
			}
			if value, err = h.overflow(h.order.Uint32(item[4:]), h.order.Uint32(item[8:])); err != nil {
				return err
			}
		default:
			return errDamaged
		}
		if len(value) < 16 { // the counter of key 0: a header is longer
			continue
		}
		if err := add(value); err != nil {
			return err
		}
	}
	return nil
}

// overflow is a value that stands on pages of its own.
func (h *hash) overflow(n, total uint32) ([]byte, error) {
	if int64(total) > int64(len(h.data)) {
		return nil, errDamaged
	}
	out := make([]byte, 0, total)
	for uint32(len(out)) < total {
		if n == 0 || int64(n) >= int64(len(h.seen)) || h.seen[n] {
			return nil, errDamaged
		}
		h.seen[n] = true
		page := h.data[int(n)*h.size : (int(n)+1)*h.size]
		if page[25] != pageOverflow {
			return nil, errDamaged
		}
		part, err := slice(page, pageHeader, int(h.order.Uint16(page[22:])))
		if err != nil || len(part) == 0 || uint32(len(out)+len(part)) > total {
			return nil, errDamaged
		}
		out = append(out, part...)
		n = h.order.Uint32(page[16:])
	}
	return out, nil
}
