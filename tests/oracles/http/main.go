// Command http records what Go's net/http makes of raw HTTP/1 responses.
//
// It reads a JSON list of {"name", "method", "raw" (base64)} from standard input, serves each one
// on a loopback listener, requests it with a net/http client that follows no redirect, and writes
// {"name": {"accepted", "status", "body_bytes"}} to standard output.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
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

func serve(raw []byte) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		request := make([]byte, 0, 4096)
		buffer := make([]byte, 4096)
		for !bytes.Contains(request, []byte("\r\n\r\n")) {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			request = append(request, buffer[:n]...)
		}
		conn.Write(raw)
	}()
	return listener, nil
}

func judge(r response) (verdict, error) {
	listener, err := serve(r.Raw)
	if err != nil {
		return verdict{}, err
	}
	defer listener.Close()
	address := listener.Addr().String()
	client := http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	request, err := http.NewRequest(r.Method, "http://"+address+"/", nil)
	if err != nil {
		return verdict{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return verdict{Error: without(err.Error(), address)}, nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return verdict{Status: answer.StatusCode, BodyBytes: len(body), Error: without(err.Error(), address)}, nil
	}
	return verdict{Accepted: true, Status: answer.StatusCode, BodyBytes: len(body)}, nil
}

// without removes the random port, so that the recorded verdicts do not change from run to run.
func without(text, address string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte(address), []byte("server")))
}

func main() {
	var responses []response
	if err := json.NewDecoder(os.Stdin).Decode(&responses); err != nil {
		log.Fatal(err)
	}
	verdicts := map[string]verdict{}
	for _, r := range responses {
		v, err := judge(r)
		if err != nil {
			log.Fatalf("%s: %v", r.Name, err)
		}
		verdicts[r.Name] = v
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}
