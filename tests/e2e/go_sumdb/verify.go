// Verifies a log in the layout of tlog-tiles, and proofs about it, with Go's own code (golang.org/x/mod/sumdb) alone.
// Arguments: the folder, the log's vkeys, one of which has to have signed. Prints one JSON object with what was checked; exits with 1 when it does not hold.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proofs struct {
	Inclusion []struct {
		Index, Size       int64
		Root, Body, Proof any
	}
	Consistency []struct {
		Old, New                int64
		OldRoot, NewRoot, Proof any
	}
}

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func decode(text any) []byte {
	data, err := base64.StdEncoding.DecodeString(text.(string))
	must(err, "base64")
	return data
}

func hash(text any) (h tlog.Hash) {
	if copy(h[:], decode(text)) != tlog.HashSize {
		must(fmt.Errorf("a hash has %d bytes", tlog.HashSize), "hash")
	}
	return h
}

func hashes(list any) []tlog.Hash {
	var found []tlog.Hash
	for _, one := range list.([]any) {
		found = append(found, hash(one))
	}
	return found
}

// folder reads tiles of height 8; in the layout of C2SP the height is not part of the path.
type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) open(name string, keys []note.Verifier, text []byte) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(keys...))
	must(err, name)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != keys[0].Name() {
		must(fmt.Errorf("origin %q", lines[0]), name)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, name)
	return tlog.Tree{N: size, Hash: hash(lines[2])}
}

func (f folder) entries(size int64) [][]byte {
	var found [][]byte
	for start := int64(0); start < size; start += 256 {
		tile := tlog.Tile{H: 8, L: 0, N: start / 256, W: int(min(256, size-start))}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		must(err, path)
		for len(data) > 0 {
			length := 2 + int(binary.BigEndian.Uint16(data))
			found = append(found, data[2:length])
			data = data[length:]
		}
	}
	return found
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func main() {
	base := folder(os.Args[1])
	var keys []note.Verifier
	for _, text := range os.Args[2:] {
		key, err := note.NewVerifier(text)
		must(err, "vkey")
		keys = append(keys, key)
	}
	text, err := os.ReadFile(filepath.Join(string(base), "checkpoint"))
	must(err, "checkpoint")
	tree := base.open("checkpoint", keys, text)
	reader := tlog.TileHashReader(tree, base)

	entries := base.entries(tree.N)
	if int64(len(entries)) != tree.N {
		must(fmt.Errorf("%d entries, signed are %d", len(entries), tree.N), "entries")
	}
	for at, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(at), reader)
		must(err, "ProveRecord")
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(at), tlog.RecordHash(entry)), fmt.Sprintf("entry %d", at))
	}

	checkpoints := 0
	history, err := os.Open(filepath.Join(string(base), "checkpoints.ndjson"))
	must(err, "history")
	lines := bufio.NewScanner(history)
	for lines.Scan() {
		var line struct {
			Size int64
			Note string
		}
		must(json.Unmarshal(lines.Bytes(), &line), "history")
		old := base.open("history", keys, []byte(line.Note))
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		must(err, "ProveTree")
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash), fmt.Sprintf("checkpoint %d", old.N))
		checkpoints++
	}

	var ours proofs
	data, err := os.ReadFile(filepath.Join(string(base), "proofs.json"))
	must(err, "proofs")
	must(json.Unmarshal(data, &ours), "proofs")
	for _, one := range ours.Inclusion {
		leaf := tlog.RecordHash(decode(one.Body))
		must(tlog.CheckRecord(hashes(one.Proof), one.Size, hash(one.Root), one.Index, leaf), "our inclusion proof")
	}
	for _, one := range ours.Consistency {
		must(tlog.CheckTree(hashes(one.Proof), one.New, hash(one.NewRoot), one.Old, hash(one.OldRoot)), "our consistency proof")
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string]int{
		"entries": len(entries), "checkpoints": checkpoints,
		"inclusion": len(ours.Inclusion), "consistency": len(ours.Consistency),
	}), "stdout")
}
