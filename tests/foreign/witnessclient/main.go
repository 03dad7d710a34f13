// witnessclient grows a log with Tessera, which publishes a checkpoint only with its witnesses' cosignatures.
//
// It prints one JSON line: the size and note of the last checkpoint. Started again on the same folder it
// asks from the size it has published; a witness that holds another one says so with its 409.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	folder := flag.String("folder", "", "folder of the log")
	policy := flag.String("policy", "", "witness policy file")
	skey := flag.String("skey", "", "signer key of the log")
	prefix := flag.String("prefix", "entry", "what entries begin with")
	count := flag.Int("count", 1, "entries to add")
	patience := flag.Duration("patience", 60*time.Second, "how long it may take in all")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	if err := run(ctx, *folder, *policy, *skey, *prefix, *count); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder, policyFile, skey, prefix string, count int) error {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return fmt.Errorf("skey: %w", err)
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(200*time.Millisecond).
		WithBatching(8, 20*time.Millisecond).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: 5 * time.Second})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return fmt.Errorf("appender: %w", err)
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	var size uint64
	var checkpoint []byte
	for number := range count {
		entry := tessera.NewEntry(fmt.Appendf(nil, "%s %d", prefix, number))
		index, published, err := awaiter.Await(ctx, appender.Add(ctx, entry))
		if err != nil {
			return fmt.Errorf("entry %d: %w", number, err)
		}
		size, checkpoint = index.Index+1, published
	}
	if err := shutdown(ctx); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"size": size, "checkpoint": string(checkpoint)})
}
