package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

const headSize = 84

// judgeCases gives each packed case of a file (see contracts/test/compiled/Rfc9162Batch.sol) to the libraries and
// returns one byte for each: 1 accepted, 0 refused.
func judgeCases(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var verdicts []byte
	for len(data) > 0 {
		if len(data) < headSize {
			return nil, errors.New("truncated head")
		}
		head := data[:headSize]
		counts := []int{int(head[81]), int(head[82]), int(head[83])}
		end := headSize + 32*(counts[0]+counts[1]+counts[2])
		if len(data) < end {
			return nil, errors.New("truncated nodes")
		}
		accepted, err := judgeCase(head, counts, data[headSize:end])
		if err != nil {
			return nil, fmt.Errorf("case %d: %w", len(verdicts), err)
		}
		verdicts = append(verdicts, accepted)
		data = data[end:]
	}
	return verdicts, nil
}

func judgeCase(head []byte, counts []int, nodes []byte) (byte, error) {
	first, size := binary.BigEndian.Uint64(head[1:]), binary.BigEndian.Uint64(head[9:])
	value, root := hash(head[17:49]), hash(head[49:81])
	lists := make([][]hash, len(counts))
	for i, count := range counts {
		lists[i] = []hash{}
		for ; count > 0; count-- {
			lists[i] = append(lists[i], hash(nodes[:32]))
			nodes = nodes[32:]
		}
	}
	var verdict error
	switch head[0] {
	case 0:
		verdict = inclusionVerdict(first, size, value, lists[0], root)
	case 1:
		verdict = consistencyVerdict(first, size, lists[0], value, root)
	case 2:
		verdict = windowVerdict(first, size, lists[0], lists[1], lists[2], root)
	default:
		return 0, errors.New("unknown kind")
	}
	if verdict == nil {
		return 1, nil
	}
	return 0, nil
}

// printCases writes the verdicts on a file of cases as a JSON string of hex digits.
func printCases(path string) error {
	verdicts, err := judgeCases(path)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(fmt.Sprintf("%x", verdicts))
}
