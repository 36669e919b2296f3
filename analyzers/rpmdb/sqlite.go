package rpmdb

import (
	"encoding/binary"
)

// maxDepth is how deep a tree of pages may be: one of 2^32 pages of two children has 32.
const maxDepth = 40

// A pager reads the pages of a SQLite file, each once at most (sqlite.org/fileformat2.html).
type pager struct {
	data   []byte
	size   int // bytes of a page
	usable int
	seen   []bool
}

// sqlite hands on the values of column "blob" of the table Packages.
func sqlite(data []byte, add func([]byte) error) error {
	size := int(binary.BigEndian.Uint16(data[16:]))
	if size == 1 {
		size = 65536
	}
	if size < 512 || size&(size-1) != 0 {
		return errDamaged
	}
	p := &pager{data: data, size: size, usable: size - int(data[20]), seen: make([]bool, len(data)/size+1)}
	if p.usable < 480 { // section 1.3.4
		return errDamaged
	}
	root := 0
	err := p.table(1, 0, func(payload []byte) error {
		columns, err := record(payload)
		if err == nil && len(columns) >= 4 && string(columns[0]) == "table" && string(columns[1]) == "Packages" {
			root = 0
			for _, b := range columns[3] {
				root = root<<8 | int(b)
			}
		}
		return err
	})
	if err != nil || root == 0 {
		return errDamaged
	}
	return p.table(root, 0, func(payload []byte) error {
		columns, err := record(payload)
		if err != nil || len(columns) < 2 {
			return errDamaged
		}
		return add(columns[1])
	})
}

// page is a page, numbered from 1.
func (p *pager) page(n int) ([]byte, error) {
	if n < 1 || n >= len(p.seen) || p.seen[n] {
		return nil, errDamaged
	}
	p.seen[n] = true
	return slice(p.data, (n-1)*p.size, p.size)
}

// table hands on the payloads of the tree of a table, in the order of their rows.
func (p *pager) table(n, depth int, each func([]byte) error) error {
	page, err := p.page(n)
	if err != nil || depth > maxDepth {
		return errDamaged
	}
	head := page
	if n == 1 {
		head = page[100:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	start := 8
	if head[0] == 0x05 {
		start = 12
	}
	pointers, err := slice(head, start, cells*2)
	if err != nil {
		return err
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(pointers[i*2:]))
		if at >= len(page) {
			return errDamaged
		}
		cell := page[at:]
		switch head[0] {
		case 0x05: // interior
			child, err := slice(cell, 0, 4)
			if err == nil {
				err = p.table(int(binary.BigEndian.Uint32(child)), depth+1, each)
			}
			if err != nil {
				return err
			}
		case 0x0d: // leaf
			payload, err := p.payload(cell)
			if err == nil {
				err = each(payload)
			}
			if err != nil {
				return err
			}
		default:
			return errDamaged
		}
	}
	if head[0] == 0x05 {
		return p.table(int(binary.BigEndian.Uint32(head[8:])), depth+1, each)
	}
	return nil
}

// payload is what a cell of a leaf holds, with the pages that it goes on in (section 1.6).
func (p *pager) payload(cell []byte) ([]byte, error) {
	size, n := varint(cell)
	_, m := varint(cell[n:])
	if n == 0 || m == 0 || size > uint64(len(p.data)) {
		return nil, errDamaged
	}
	cell = cell[n+m:]
	total, local := int(size), int(size)
	if most := p.usable - 35; total > most {
		least := (p.usable-12)*32/255 - 23
		if local = least + (total-least)%(p.usable-4); local > most {
			local = least
		}
	}
	first, err := slice(cell, 0, local)
	if err != nil || local == total {
		return first, err
	}
	next, err := slice(cell, local, 4)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, total), first...)
	for page := binary.BigEndian.Uint32(next); len(out) < total; {
		raw, err := p.page(int(page))
		if err != nil {
			return nil, err
		}
		page = binary.BigEndian.Uint32(raw)
		out = append(out, raw[4:min(p.usable, 4+total-len(out))]...)
	}
	return out, nil
}

// varint reads a number of up to nine bytes, and how many it has; 0 where there is none.
func varint(b []byte) (v uint64, n int) {
	for n < 9 && n < len(b) {
		if n == 8 {
			return v<<8 | uint64(b[n]), 9
		}
		v = v<<7 | uint64(b[n]&0x7f)
		if n++; b[n-1] < 0x80 {
			return v, n
		}
	}
	return 0, 0
}

// record splits a row into the bytes of its columns (section 2.1).
func record(payload []byte) (columns [][]byte, err error) {
	size, n := varint(payload)
	if n == 0 || size > uint64(len(payload)) || int(size) < n {
		return nil, errDamaged
	}
	types, body := payload[n:size], payload[size:]
	for len(types) > 0 {
		kind, n := varint(types)
		if n == 0 {
			return nil, errDamaged
		}
		types = types[n:]
		var width uint64
		switch {
		case kind >= 12:
			width = (kind - 12) / 2
		case kind < 8:
			width = []uint64{0, 1, 2, 3, 4, 6, 8, 8}[kind]
		}
		if width > uint64(len(body)) {
			return nil, errDamaged
		}
		columns = append(columns, body[:width])
		body = body[width:]
	}
	return columns, nil
}
