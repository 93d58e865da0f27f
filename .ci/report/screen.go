package main

import (
	"bytes"
	"io"
	"sync"
)

// screen is where parts that run side by side print: line by line, each line
// with the name of its part.
type screen struct {
	mu  sync.Mutex
	out io.Writer
}

// pane is one part's view of a screen. What one Write brings stays together as
// far as its last end of line; the rest waits for its own.
type pane struct {
	screen *screen
	prefix string

	mu   sync.Mutex
	rest []byte
}

func (p *pane) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, b...)
	end := bytes.LastIndexByte(p.rest, '\n') + 1
	if end == 0 {
		return len(b), nil
	}
	var text bytes.Buffer
	for line := range bytes.Lines(p.rest[:end]) {
		text.WriteString(p.prefix)
		text.Write(line)
	}
	p.rest = append(p.rest[:0], p.rest[end:]...)
	p.screen.mu.Lock()
	defer p.screen.mu.Unlock()
	if _, err := p.screen.out.Write(text.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}
