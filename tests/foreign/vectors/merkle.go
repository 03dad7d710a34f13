package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

var errDisagree = errors.New("the two libraries disagree")

func tlogHash(h hash) (out tlog.Hash) {
	copy(out[:], h)
	return out
}

func tlogHashes(hashes []hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = tlogHash(h)
	}
	return out
}

// both returns the first verdict, and stops the run when the second is another.
func both(first, second error) error {
	if (first == nil) != (second == nil) {
		panic(fmt.Errorf("%w: %v, %v", errDisagree, first, second))
	}
	return first
}

func checkInclusion(data json.RawMessage) error {
	var c struct {
		Index    uint64 `json:"index"`
		Size     uint64 `json:"size"`
		LeafHash hash   `json:"leaf_hash"`
		Proof    []hash `json:"proof"`
		Root     hash   `json:"root"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	merkle := proof.VerifyInclusion(rfc6962.DefaultHasher, c.Index, c.Size, c.LeafHash, raw(c.Proof), c.Root)
	sumdb := tlog.CheckRecord(tlogHashes(c.Proof), int64(c.Size), tlogHash(c.Root), int64(c.Index), tlogHash(c.LeafHash))
	return both(merkle, sumdb)
}

func checkConsistency(data json.RawMessage) error {
	var c struct {
		Size1 uint64 `json:"size1"`
		Size2 uint64 `json:"size2"`
		Proof []hash `json:"proof"`
		Root1 hash   `json:"root1"`
		Root2 hash   `json:"root2"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	merkle := proof.VerifyConsistency(rfc6962.DefaultHasher, c.Size1, c.Size2, raw(c.Proof), c.Root1, c.Root2)
	sumdb := tlog.CheckTree(tlogHashes(c.Proof), int64(c.Size2), tlogHash(c.Root2), int64(c.Size1), tlogHash(c.Root1))
	return both(merkle, sumdb)
}

func checkWindow(data json.RawMessage) error {
	var c struct {
		Start  uint64 `json:"start"`
		Size   uint64 `json:"size"`
		Leaves []hash `json:"leaf_hashes"`
		Left   []hash `json:"left"`
		Right  []hash `json:"right"`
		Root   hash   `json:"root"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	end := c.Start + uint64(len(c.Leaves))
	if len(c.Leaves) == 0 || end > c.Size {
		return errors.New("window is empty or beyond size")
	}
	ranges := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	whole, err := ranges.NewRange(0, c.Start, raw(c.Left))
	if err != nil {
		return err
	}
	for _, leaf := range c.Leaves {
		if err := whole.Append(leaf, nil); err != nil {
			return err
		}
	}
	right, err := ranges.NewRange(end, c.Size, raw(c.Right))
	if err != nil {
		return err
	}
	if err := whole.AppendRange(right, nil); err != nil {
		return err
	}
	root, err := whole.GetRootHash(nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, c.Root) {
		return errors.New("root differs")
	}
	return nil
}
