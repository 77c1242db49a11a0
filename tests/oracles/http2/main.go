// Command http2 records what Go's net/http makes of raw HTTP/2 responses.
//
// It reads a JSON list of {"name", "method", "raw" (base64)} from standard input, serves each one by
// TLS with ALPN h2 on a loopback listener, after it has read the request, requests it with a
// net/http client, and writes {"name": {"accepted", "status", "body_bytes"}} to standard output.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync"
	"time"
)

type response struct {
	Name   string `json:"name"`
	Method string `json:"method"`
	Raw    []byte `json:"raw"`
}

type verdict struct {
	Accepted  bool   `json:"accepted"`
	Status    int    `json:"status"`
	BodyBytes int    `json:"body_bytes"`
	Error     string `json:"error,omitempty"`
}

func serverConfig() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
		NextProtos:   []string{"h2"},
	}
}

// answer sends the response after the client's preface and HEADERS, and then waits for its end.
func answer(conn net.Conn, raw []byte) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	preface := make([]byte, 24)
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	for kind := byte(0); kind != 1; {
		header := make([]byte, 9)
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		kind = header[3]
		size := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
		if _, err := io.CopyN(io.Discard, conn, int64(size)); err != nil {
			return
		}
	}
	conn.Write(raw)
	io.Copy(io.Discard, conn)
}

var port = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

func judge(r response, config *tls.Config) verdict {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn, r.Raw)
		}
	}()
	client := http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			ForceAttemptHTTP2: true, DisableCompression: true, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequest(r.Method, "https://"+listener.Addr().String()+"/", nil)
	if err != nil {
		log.Fatal(err)
	}
	answered, err := client.Do(request)
	if err != nil {
		return verdict{Error: port.ReplaceAllString(err.Error(), "server")}
	}
	defer answered.Body.Close()
	body, err := io.ReadAll(answered.Body)
	v := verdict{Accepted: err == nil, Status: answered.StatusCode, BodyBytes: len(body)}
	if err != nil {
		v.Error = port.ReplaceAllString(err.Error(), "server")
	}
	return v
}

func main() {
	log.SetOutput(os.Stderr)
	var responses []response
	if err := json.NewDecoder(os.Stdin).Decode(&responses); err != nil {
		log.Fatal(err)
	}
	config, verdicts := serverConfig(), map[string]verdict{}
	var lock sync.Mutex
	var group sync.WaitGroup
	slots := make(chan bool, 16)
	for _, r := range responses {
		group.Add(1)
		go func() {
			defer group.Done()
			slots <- true
			v := judge(r, config)
			<-slots
			lock.Lock()
			verdicts[r.Name] = v
			lock.Unlock()
		}()
	}
	group.Wait()
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}
