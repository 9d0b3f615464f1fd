package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestReadersOfRecordings(t *testing.T) {
	top := t.TempDir()
	if err := errors.Join(os.Chmod(top, 0o755), os.Chmod(filepath.Dir(top), 0o755)); err != nil {
		t.Fatal(err)
	}
	through := true // whether the folder for temporary files lets everybody
	for path := os.TempDir(); path != filepath.Dir(path); path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		through = through && info.Mode().Perm()&0o001 != 0
	}
	for _, c := range []struct {
		folder, file os.FileMode
		told         bool
	}{
		{0o755, 0o644, through},
		{0o751, 0o644, through},
		{0o750, 0o644, false},
		{0o755, 0o640, false},
	} {
		folder := filepath.Join(top, "recording")
		file := filepath.Join(folder, "x.wav")
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(file, nil, 0o600), os.Chmod(file, c.file), os.Chmod(folder, c.folder)); err != nil {
			t.Fatal(err)
		}
		found := examineReaders(folder, "x")
		if told := len(found) == 1; told != c.told || told && (found[0].level != note || !slices.Contains(found[0].lines, "UMask=0027")) {
			t.Errorf("%o in %o: %v", c.file, c.folder, found)
		}
	}
	if found := examineReaders(filepath.Join(top, "elsewhere"), "x"); found != nil {
		t.Error("of a file that is not here:", found)
	}
}
