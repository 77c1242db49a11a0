// Command x509 records whether Go's crypto/tls accepts certificate chains.
//
// It reads a JSON list of {"name", "host", "chain", "roots", "key"} from standard input (DER in
// base64, the key as PKCS #8), lets a TLS client that trusts the roots shake hands with a server
// that shows the chain, and writes {"name": {"accepted", "error"}} to standard output. If Go can't
// use the server's key, it verifies the chain as the client would.
package main

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
)

type shown struct {
	Name  string   `json:"name"`
	Host  string   `json:"host"`
	Chain [][]byte `json:"chain"`
	Roots [][]byte `json:"roots"`
	Key   []byte   `json:"key"`
}

type verdict struct {
	Accepted bool   `json:"accepted"`
	Error    string `json:"error,omitempty"`
}

func pool(roots [][]byte) (*x509.CertPool, error) {
	trusted := x509.NewCertPool()
	for _, der := range roots {
		// A root that Go can't parse is not in its pool.
		if root, err := x509.ParseCertificate(der); err == nil {
			trusted.AddCert(root)
		}
	}
	return trusted, nil
}

func handshake(s shown, trusted *x509.CertPool, key any) error {
	here, there := net.Pipe()
	defer here.Close()
	server := tls.Server(there, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: s.Chain, PrivateKey: key}},
	})
	go func() {
		server.Handshake()
		there.Close()
	}()
	return tls.Client(here, &tls.Config{RootCAs: trusted, ServerName: s.Host}).Handshake()
}

func verify(s shown, trusted *x509.CertPool) error {
	intermediates := x509.NewCertPool()
	var leaf *x509.Certificate
	for i, der := range s.Chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("tls: failed to parse certificate from server: %w", err)
		}
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > 8192 {
			return fmt.Errorf("tls: server sent certificate containing RSA key larger than 8192 bits")
		}
		if i == 0 {
			leaf = certificate
		} else {
			intermediates.AddCert(certificate)
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: trusted, DNSName: s.Host, Intermediates: intermediates})
	if err == nil && leaf.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return fmt.Errorf("tls: server's certificate contains an unsupported type of public key: %T", leaf.PublicKey)
	}
	return err
}

func judge(s shown) (verdict, error) {
	trusted, err := pool(s.Roots)
	if err != nil {
		return verdict{}, err
	}
	if key, keyErr := x509.ParsePKCS8PrivateKey(s.Key); keyErr == nil {
		err = handshake(s, trusted, key)
	} else {
		err = verify(s, trusted)
	}
	if err != nil {
		return verdict{Error: err.Error()}, nil
	}
	return verdict{Accepted: true}, nil
}

func main() {
	var chains []shown
	if err := json.NewDecoder(os.Stdin).Decode(&chains); err != nil {
		log.Fatal(err)
	}
	verdicts := map[string]verdict{}
	for _, s := range chains {
		v, err := judge(s)
		if err != nil {
			log.Fatalf("%s: %v", s.Name, err)
		}
		verdicts[s.Name] = v
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}
