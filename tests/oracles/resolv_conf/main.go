// The questions that Go's resolver asks for A, by /etc/resolv.conf: network, server and name of each.
// Every case runs in a child process in a mount namespace of its own, which needs root.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

type conversation struct {
	net.Conn
	network string
	server  string
	rcode   byte
	asked   *[][3]string
	reply   []byte
}

func nameIn(query []byte) string {
	labels := []string{}
	for p := 12; query[p] != 0; p += int(query[p]) + 1 {
		labels = append(labels, string(query[p+1:p+1+int(query[p])]))
	}
	return strings.Join(labels, ".")
}

func (c *conversation) Write(data []byte) (int, error) {
	query := data
	if c.network == "tcp" {
		query = data[2:]
	}
	*c.asked = append(*c.asked, [3]string{c.network, c.server, nameIn(query)})
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	answer := append([]byte{}, query[:end+5]...)
	answer[2], answer[3] = 0x81, 0x80|c.rcode
	binary.BigEndian.PutUint16(answer[10:], 0)
	c.reply = answer
	if c.network == "tcp" {
		c.reply = append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)
	}
	return len(data), nil
}

func (c *conversation) Read(buffer []byte) (int, error) {
	if len(c.reply) == 0 {
		return 0, io.EOF
	}
	n := copy(buffer, c.reply)
	c.reply = c.reply[n:]
	return n, nil
}

func (c *conversation) Close() error                     { return nil }
func (c *conversation) SetDeadline(time.Time) error      { return nil }
func (c *conversation) SetReadDeadline(time.Time) error  { return nil }
func (c *conversation) SetWriteDeadline(time.Time) error { return nil }

// packets is a conversation that the resolver takes for a datagram socket.
type packets struct{ *conversation }

func (p packets) ReadFrom(b []byte) (int, net.Addr, error)     { n, err := p.Read(b); return n, nil, err }
func (p packets) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Write(b) }

func ask(name string, rcode byte) [][3]string {
	asked := [][3]string{}
	resolver := &net.Resolver{PreferGo: true, Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		c := &conversation{network: network, server: address, rcode: rcode, asked: &asked}
		if network == "udp" {
			return packets{c}, nil
		}
		return c, nil
	}}
	resolver.LookupIP(context.Background(), "ip4", name)
	return asked
}

func main() {
	if len(os.Args) > 2 {
		rcodes := map[string]byte{"NXDOMAIN": 3, "SERVFAIL": 2}
		json.NewEncoder(os.Stdout).Encode(ask(os.Args[1], rcodes[os.Args[2]]))
		return
	}
	var cases map[string][3]string
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	self, _ := os.Executable()
	folder, _ := os.MkdirTemp("", "oracle")
	defer os.RemoveAll(folder)
	verdicts := map[string][][3]string{}
	for name, one := range cases {
		file := filepath.Join(folder, "resolv.conf")
		if err := os.WriteFile(file, []byte(one[0]), 0o644); err != nil {
			panic(err)
		}
		script := `mount --bind "$0" /etc/resolv.conf && hostname oracle && exec "$1" "$2" "$3"`
		child := exec.Command("unshare", "--mount", "--uts", "sh", "-c", script, file, self, one[1], one[2])
		child.Stderr = os.Stderr
		out, err := child.Output()
		if err != nil {
			panic(err)
		}
		var asked [][3]string
		json.Unmarshal(out, &asked)
		verdicts[name] = asked
	}
	json.NewEncoder(os.Stdout).Encode(verdicts)
}
