package main

import (
	"bytes"
	"context"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
)

// TestCatalogueExamples wants the examples of the catalogue to hold. That a filter has
// changed since is said, and is no failure.
func TestCatalogueExamples(t *testing.T) {
	if ok, _ := condition("btf"); !ok || goruntime.GOARCH != "amd64" {
		t.Skip("the samples are of amd64, and are held against /sys/kernel/btf/vmlinux")
	}
	names, err := filepath.Glob("../../specs/*/*.example")
	if err != nil || len(names) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	args := []string{"test"}
	for _, name := range names {
		args = append(args, strings.TrimSuffix(name, ".example")+".yaml")
	}
	var stdout, stderr bytes.Buffer
	if status := execute(context.Background(), args, strings.NewReader(""), &stdout, &stderr); status != 0 {
		t.Errorf("status %d\n%s", status, &stdout)
	}
	if stderr.Len() > 0 {
		t.Logf("%s", &stderr)
	}
	if got := strings.Count(stdout.String(), ".example: ok, "); got != len(names) {
		t.Errorf("%d examples hold, want %d:\n%s", got, len(names), &stdout)
	}
}
