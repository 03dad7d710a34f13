// Command logreader reads a log of ours the way a stranger would: with Tessera's tlog-tiles client and
// x/mod's signed notes, and no line of our own hashing. It fetches the checkpoint, every entry bundle and
// every tile, recomputes the root and compares each tile, then prints one JSON line.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// leafDataSize is the length of one leaf: version, commitment, operation digest.
const leafDataSize = 65

type report struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
	Leaves uint64 `json:"leaves"`
}

func read(ctx context.Context, log, vkey string) (*report, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("vkey: %w", err)
	}
	root, err := url.Parse(strings.TrimSuffix(log, "/") + "/")
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewHTTPFetcher(root, &http.Client{Timeout: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	origin := verifier.Name()
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, origin)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var leaves uint64
	hasher := func(bundle []byte) ([][]byte, error) {
		parsed := &api.EntryBundle{}
		if err := parsed.UnmarshalText(bundle); err != nil {
			return nil, err
		}
		hashes := make([][]byte, 0, len(parsed.Entries))
		for _, leaf := range parsed.Entries {
			if len(leaf) != leafDataSize || leaf[0] != 1 {
				return nil, fmt.Errorf("leaf of %d bytes, version %d", len(leaf), leaf[0])
			}
			hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(leaf))
		}
		leaves += uint64(len(hashes))
		return hashes, nil
	}
	if err := fsck.New(origin, verifier, fetcher, hasher, fsck.Opts{N: 1}).Check(ctx); err != nil {
		return nil, fmt.Errorf("fsck: %w", err)
	}
	return &report{Origin: origin, Size: checkpoint.Size, Root: hex.EncodeToString(checkpoint.Hash), Leaves: leaves}, nil
}

func main() {
	log := flag.String("log", "", "URL of the log (…/log)")
	vkey := flag.String("vkey", "", "verifier key of the log")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	result, err := read(ctx, *log, *vkey)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}
