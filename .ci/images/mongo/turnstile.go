package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// turnstile passes MongoDB's wire protocol on to a server, one request of each
// database at a time over all clients: the next is sent when the last is
// answered. FerretDB's SQLite backend needs that: its updates read, change in
// memory, and write.
type turnstile struct {
	socket string       // the server's
	open   sync.RWMutex // read-locked by every request
	ones   sync.Map     // the *sync.Mutex of each database's one request, by name
}

func (t *turnstile) serve(ctx context.Context, ln net.Listener) error {
	for {
		client, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = client.Close() }()
			var dialer net.Dialer
			server, err := dialer.DialContext(ctx, "unix", t.socket)
			if err != nil {
				return // the client sees its connection close
			}
			defer func() { _ = server.Close() }()
			for t.pass(client, server) == nil {
			}
		}()
	}
}

// pass takes one request from client to server and the answer back. A client
// that goes away meanwhile changes nothing: its request has its turn to the
// end.
func (t *turnstile) pass(client, server net.Conn) error {
	request, err := readMessage(client)
	if err != nil {
		return err
	}
	silent := clearMoreToCome(request)
	response, err := t.ask(server, request)
	if err != nil || silent {
		return err
	}
	_, err = client.Write(response)
	return err
}

func (t *turnstile) ask(server net.Conn, request []byte) ([]byte, error) {
	t.open.RLock()
	defer t.open.RUnlock()
	one, _ := t.ones.LoadOrStore(database(request), new(sync.Mutex))
	one.(*sync.Mutex).Lock()
	defer one.(*sync.Mutex).Unlock()
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(server)
}

const (
	headerSize  = 16 // length, request id, response to, operation; each int32
	maxMessage  = 48_000_000
	opMsg       = 2013
	moreToCome  = 1 << 1
	flagsOffset = headerSize
)

func readMessage(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n < headerSize || n > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	message := make([]byte, n)
	copy(message, length[:])
	_, err := io.ReadFull(r, message[len(length):])
	return message, err
}

// database returns the name of the database that a request is about, or "" if it
// names none, as the first request of a connection.
func database(message []byte) string {
	if len(message) < flagsOffset+4 || binary.LittleEndian.Uint32(message[12:]) != opMsg {
		return ""
	}
	// A kind of 0 marks the section of the command itself; drivers put it first.
	section := message[flagsOffset+4:]
	if len(section) < 5 || section[0] != 0 {
		return ""
	}
	command := section[1:]
	if size := binary.LittleEndian.Uint32(command); int64(size) <= int64(len(command)) {
		command = command[:size]
	}
	name, _ := bson.Raw(command).Lookup("$db").StringValueOK()
	return name
}

// clearMoreToCome reports whether the client wants no answer, as writes
// without acknowledgement do. FerretDB answers all the same, so it is asked
// for one and the answer dropped.
func clearMoreToCome(message []byte) bool {
	if len(message) < flagsOffset+4 || binary.LittleEndian.Uint32(message[12:]) != opMsg {
		return false
	}
	flags := binary.LittleEndian.Uint32(message[flagsOffset:])
	binary.LittleEndian.PutUint32(message[flagsOffset:], flags&^moreToCome)
	return flags&moreToCome != 0
}
