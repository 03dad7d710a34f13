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
	return inclusionVerdict(c.Index, c.Size, c.LeafHash, c.Proof, c.Root)
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
	return consistencyVerdict(c.Size1, c.Size2, c.Proof, c.Root1, c.Root2)
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
	return windowVerdict(c.Start, c.Size, c.Leaves, c.Left, c.Right, c.Root)
}

func inclusionVerdict(index, size uint64, leafHash hash, path []hash, root hash) error {
	merkle := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leafHash, raw(path), root)
	sumdb := tlog.CheckRecord(tlogHashes(path), int64(size), tlogHash(root), int64(index), tlogHash(leafHash))
	return both(merkle, sumdb)
}

func consistencyVerdict(size1, size2 uint64, path []hash, root1, root2 hash) error {
	merkle := proof.VerifyConsistency(rfc6962.DefaultHasher, size1, size2, raw(path), root1, root2)
	sumdb := tlog.CheckTree(tlogHashes(path), int64(size2), tlogHash(root2), int64(size1), tlogHash(root1))
	return both(merkle, sumdb)
}

func windowVerdict(start, size uint64, leaves, left, right []hash, want hash) error {
	end := start + uint64(len(leaves))
	if len(leaves) == 0 || end > size {
		return errors.New("window is empty or beyond size")
	}
	ranges := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	whole, err := ranges.NewRange(0, start, raw(left))
	if err != nil {
		return err
	}
	for _, leaf := range leaves {
		if err := whole.Append(leaf, nil); err != nil {
			return err
		}
	}
	rest, err := ranges.NewRange(end, size, raw(right))
	if err != nil {
		return err
	}
	if err := whole.AppendRange(rest, nil); err != nil {
		return err
	}
	root, err := whole.GetRootHash(nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, want) {
		return errors.New("root differs")
	}
	return nil
}
