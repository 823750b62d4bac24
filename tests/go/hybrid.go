// Go's TLS with X25519MLKEM768 and no other group: `client ADDRESS CA` fetches https://localhost/ there,
// `server CERTIFICATE KEY` serves one page. Both print the group that was agreed on.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	config := &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}
	switch os.Args[1] {
	case "client":
		client(config, os.Args[2], os.Args[3])
	case "server":
		server(config, os.Args[2], os.Args[3])
	}
}

func client(config *tls.Config, address, ca string) {
	pem, err := os.ReadFile(ca)
	check(err)
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(pem)
	config.ServerName = "localhost"
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	response, err := client.Get("https://" + address + "/")
	check(err)
	body, err := io.ReadAll(response.Body)
	check(err)
	fmt.Println(response.TLS.CurveID, response.Status)
	fmt.Printf("%s\n", body)
}

func server(config *tls.Config, certificate, key string) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	check(err)
	config.Certificates = []tls.Certificate{pair}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println("listening", listener.Addr())
	handler := func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprintln(answer, "agreed on", request.TLS.CurveID)
	}
	check(http.Serve(tls.NewListener(listener, config), http.HandlerFunc(handler)))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
