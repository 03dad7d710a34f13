// Command litewitness holds the key of a stock witness, as it wants it: in an SSH agent. The witness itself is
// torchwood's, built unchanged from its module (see the tools of go.mod).
//
// Usage: litewitness SOCKET SEED (64 hex digits). Prints the key's fingerprint, then answers on the socket until
// its standard input ends.
package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: litewitness SOCKET SEED")
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func serve(socket, text string) error {
	seed, err := hex.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return errors.New("the seed is not 64 hex digits")
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return err
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: &private}); err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	fmt.Println(ssh.FingerprintSHA256(public))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return nil
		}
		go func() { _ = agent.ServeAgent(keys, connection) }()
	}
}
