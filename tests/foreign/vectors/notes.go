package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

const cosignatureType = 0x04

// cosigner verifies C2SP tlog-cosignature signatures, which sumdb/note leaves to its callers.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(message), sig[8:])
}

func parseVerifier(vkey string) (note.Verifier, error) {
	if verifier, err := note.NewVerifier(vkey); err == nil {
		return verifier, nil
	}
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed vkey")
	}
	id, err1 := strconv.ParseUint(parts[1], 16, 32)
	key, err2 := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != cosignatureType {
		return nil, errors.New("malformed vkey")
	}
	return cosigner{parts[0], uint32(id), key[1:]}, nil
}

type checkpoint struct {
	size      uint64
	root      []byte
	witnesses int
}

var checkpointText = regexp.MustCompile(`\A([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\n\z`)

func openCheckpoint(msg []byte, vkeys []string) (*checkpoint, error) {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := parseVerifier(vkey)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(msg, note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	match := checkpointText.FindStringSubmatch(opened.Text)
	if match == nil {
		return nil, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(match[2], 10, 64)
	if err != nil {
		return nil, err
	}
	root, err := base64.StdEncoding.Strict().DecodeString(match[3])
	if err != nil {
		return nil, err
	}
	result := &checkpoint{size: uint64(size), root: root}
	signed := false
	for _, signature := range opened.Sigs {
		cosigned := false
		for _, verifier := range verifiers {
			_, is := verifier.(cosigner)
			cosigned = cosigned || is && verifier.Name() == signature.Name && verifier.KeyHash() == signature.Hash
		}
		if cosigned {
			result.witnesses++
		} else if signature.Name == match[1] {
			signed = true
		}
	}
	if !signed {
		return nil, errors.New("not signed by its origin")
	}
	return result, nil
}

func checkCheckpoint(data json.RawMessage) error {
	var c struct {
		Note    *string  `json:"note"`
		NoteHex string   `json:"note_hex"`
		Vkeys   []string `json:"vkeys"`
		Size    *uint64  `json:"size"`
		Root    hash     `json:"root"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	msg, err := hex.DecodeString(c.NoteHex)
	if err != nil {
		panic(err)
	}
	if c.Note != nil {
		msg = []byte(*c.Note)
	}
	opened, err := openCheckpoint(msg, c.Vkeys)
	if err != nil {
		return err
	}
	if c.Size != nil && (*c.Size != opened.size || string(c.Root) != string(opened.root)) {
		return errors.New("opens to another tree")
	}
	return nil
}

var proofFile = regexp.MustCompile(`\Ac2sp\.org/tlog-proof@v1\n(?:extra ([^\n]*)\n)?index (0|[1-9][0-9]*)((?:\n[^\n]+)*)\n\n((?s).*)\z`)

func checkProofFile(data json.RawMessage) error {
	var c struct {
		Proof    string   `json:"proof"`
		LeafData hash     `json:"leaf_data"`
		Vkeys    []string `json:"vkeys"`
		Quorum   int      `json:"witness_quorum"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	match := proofFile.FindStringSubmatch(c.Proof)
	if match == nil {
		return errors.New("not a proof file")
	}
	if _, err := base64.StdEncoding.Strict().DecodeString(match[1]); err != nil {
		return err
	}
	index, err := strconv.ParseInt(match[2], 10, 64)
	if err != nil {
		return err
	}
	var path [][]byte
	for _, line := range strings.Split(match[3], "\n")[1:] {
		node, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(node) != 32 {
			return errors.New("malformed node")
		}
		path = append(path, node)
	}
	opened, err := openCheckpoint([]byte(match[4]), c.Vkeys)
	if err != nil {
		return err
	}
	if opened.witnesses < c.Quorum {
		return errors.New("too few witnesses")
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(c.LeafData)
	return proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), opened.size, leaf, path, opened.root)
}
