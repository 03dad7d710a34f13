// Command vectors runs the notary's test vectors through other people's verifiers: transparency-dev/merkle for
// inclusion, consistency and windows, golang.org/x/mod/sumdb/tlog for inclusion and consistency again, and
// golang.org/x/mod/sumdb/note for signatures.
//
// Usage: vectors DIR. Prints one JSON object, folder -> [accepted, refused], or the cases whose verdict differs.
// Usage: vectors cases FILE. Prints the verdict on each packed case of a file.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

type vectorFile struct {
	Valid bool              `json:"valid"`
	Go    string            `json:"go"`
	Cases []json.RawMessage `json:"cases"`
}

type hash []byte

func (h *hash) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	raw, err := hex.DecodeString(text)
	*h = raw
	return err
}

func raw(hashes []hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i, h := range hashes {
		out[i] = h
	}
	return out
}

var folders = map[string]func(json.RawMessage) error{
	"inclusion":   checkInclusion,
	"consistency": checkConsistency,
	"window":      checkWindow,
	"checkpoint":  checkCheckpoint,
	"proof_file":  checkProofFile,
}

func run(root string) (map[string][2]int, error) {
	counts := map[string][2]int{}
	for folder, check := range folders {
		paths, err := filepath.Glob(filepath.Join(root, folder, "*.json"))
		if err != nil || len(paths) == 0 {
			return nil, fmt.Errorf("no vectors in %s (%v)", folder, err)
		}
		for _, path := range paths {
			if err := runFile(path, folder, check, counts); err != nil {
				return nil, err
			}
		}
	}
	return counts, nil
}

func runFile(path, folder string, check func(json.RawMessage) error, counts map[string][2]int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file vectorFile
	if err := json.Unmarshal(data, &file); err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	want := file.Valid || file.Go == "accepts"
	for i, one := range file.Cases {
		verdict := check(one)
		if (verdict == nil) != want {
			return fmt.Errorf("%s: case %d: accepted %v, want %v (%v)", path, i, verdict == nil, want, verdict)
		}
		count := counts[folder]
		if verdict == nil {
			count[0]++
		} else {
			count[1]++
		}
		counts[folder] = count
	}
	return nil
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "cases" {
		if err := printCases(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: vectors DIR | vectors cases FILE")
		os.Exit(2)
	}
	counts, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(counts); err != nil {
		os.Exit(1)
	}
}
