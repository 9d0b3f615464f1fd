// Package asteriskconf holds the one Asterisk configuration of this project: what an
// administrator takes over into an existing Asterisk (folder site), and what lab and
// tests run with (folder lab), which includes the site files instead of repeating them.
package asteriskconf

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"
)

// Two of them, so that the program, which knows the hangup handler, is not linked with the lab.
var (
	//go:embed site
	site embed.FS
	//go:embed lab
	lab embed.FS
)

// Phone is one SIP account of the lab.
type Phone struct {
	Name        string // SIP user, endpoint and extension: alice
	DisplayName string // in the caller id: Alice
	Number      string // second extension and caller id number: 1001
	Account     string // METAFLOWS_ACCOUNT; empty for a phone without an account
	Context     string // dialplan context of its calls, METAFLOWS_CONTEXT where it has an account
	Group       int    // call group and pickup group; 0: none
	Password    string // for SIP digest authentication
}

// Phones returns the lab's phones, each with its own name as password. The slice is the caller's own.
func Phones() []Phone {
	phones := []Phone{
		{Name: "alice", DisplayName: "Alice", Number: "1001", Account: "acme", Context: "acme", Group: 1},
		{Name: "bob", DisplayName: "Bob", Number: "1002", Account: "acme", Context: "acme", Group: 1},
		{Name: "carol", DisplayName: "Carol", Number: "1003", Account: "acme", Context: "acme", Group: 1},
		{Name: "dave", DisplayName: "Dave", Number: "1004", Account: "acme", Context: "acme", Group: 1},
		{Name: "mallory", DisplayName: "Mallory", Number: "1005", Account: "evil", Context: "evil", Group: 2},
		{Name: "outside", DisplayName: "Outside", Number: "1006", Context: "outside"},
	}
	for i := range phones {
		phones[i].Password = phones[i].Name
	}
	return phones
}

// Values fill the lab's templates. Folders are as Asterisk sees them (inside its root
// folder if it has one of its own), absolute and without a trailing slash.
type Values struct {
	EtcDir   string // where Render's result lies
	ModDir   string // Asterisk's modules
	DataDir  string // sounds, documentation
	RunDir   string // control socket and pid file
	StateDir string // database
	SpoolDir string // holds the folder "recording"
	LogDir   string
	TonesDir string // holds tone folders "lab" and "default" for music on hold

	BindAddr     string // SIP and RTP
	ExternalAddr string // what phones behind NAT are told; empty: BindAddr
	LocalNet     string // a network whose phones are not told ExternalAddr: 172.20.0.0/16; empty: none
	SIPPort      int    // UDP and TCP
	HTTPPort     int    // ARI, always on 127.0.0.1
	RTPStart     int
	RTPEnd       int
	Network      bool // phones on other machines, perhaps behind NAT
	Qualify      int  // each so many seconds a phone is asked whether it is there, which keeps a NAT open; 0: never

	ARIPassword string
	Phones      []Phone
}

// Render writes the lab's configuration into dir: the lab's files with the values filled
// in, the site's files as they are into dir/site. Files are readable by owner and group
// only, since they hold passwords.
func Render(dir string, values Values) error {
	if err := render(site, dir, values); err != nil {
		return err
	}
	return render(lab, dir, values)
}

func render(files embed.FS, dir string, values Values) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, name)
		if folder, base := filepath.Split(filepath.FromSlash(name)); filepath.Clean(folder) == "lab" {
			target = filepath.Join(dir, base)
			if text, err = fill(name, text, values); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			return fmt.Errorf("render %s: %w", name, err)
		}
		if err := os.WriteFile(target, text, 0o640); err != nil {
			return fmt.Errorf("render %s: %w", name, err)
		}
		return nil
	})
}

func fill(name string, text []byte, values Values) ([]byte, error) {
	parsed, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	var filled bytes.Buffer
	if err := parsed.Execute(&filled, values); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return filled.Bytes(), nil
}
