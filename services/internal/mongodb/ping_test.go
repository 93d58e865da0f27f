//go:build integration

package mongodb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Of a primary that has lost its majority everything works but that writes are
// acknowledged.
func TestPingIsRedWhereAMajorityCannotBeWritten(t *testing.T) {
	t.Parallel()
	uri := mongotest.New(t)
	parsed, err := connstring.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	host := parsed.Hosts[0]
	alone := strings.Replace(uri, host, withoutMajority(t, host), 1)
	for url, red := range map[string]bool{uri: false, alone: true} {
		// Open asks for an answer to Ping, too.
		db, err := mongodb.Open(t.Context(), mongodb.Options{URL: url, Timeout: time.Minute}, nil)
		if err == nil {
			err = errors.Join(db.Ping(t.Context()), db.Close())
		}
		if errors.Is(err, storage.ErrUnavailable) != red || (err != nil) != red {
			t.Errorf("a majority is missing: %t; Ping: %v", red, err)
		}
	}
}

// withoutMajority is the address of a server that answers like the one at addr, but
// each update with the error that it is not on a majority of the servers.
func withoutMajority(t *testing.T, addr string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	answer, err := bson.Marshal(bson.D{
		{Key: "n", Value: 1}, {Key: "nModified", Value: 1}, {Key: "ok", Value: 1.0},
		{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: 64}, {Key: "errmsg", Value: "waiting for replication timed out"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client, addr, answer)
		}
	}()
	return l.Addr().String()
}

// relay passes on the messages of MongoDB's protocol, of which a header of four
// numbers is the first part: the length, an id, the id of the request that is
// answered, and the kind.
func relay(client net.Conn, addr string, answer []byte) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(client, server) }()
	for {
		header := make([]byte, 16)
		if _, err := io.ReadFull(client, header); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(header)-16)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if !bytes.Contains(body, []byte("\x02update\x00")) {
			if _, err := server.Write(slices.Concat(header, body)); err != nil {
				return
			}
			continue
		}
		reply := binary.LittleEndian.AppendUint32(nil, uint32(16+5+len(answer)))
		reply = append(reply, 0, 0, 0, 0)
		reply = append(reply, header[4:8]...)
		reply = append(reply, header[12:]...)
		reply = append(reply, 0, 0, 0, 0, 0) // no flags; a body follows
		if _, err := client.Write(append(reply, answer...)); err != nil {
			return
		}
	}
}
