package config

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// prefix begins the name of every variable.
const prefix = "METAFLOWS"

// Config is the environment, checked. Tags: accepts is what an error says, about what help says; a secret is never
// shown; it, and what has the tag file, may be given as a file by the variable's name and _FILE.
type Config struct {
	ARI struct {
		URL         string `default:"http://127.0.0.1:8088/ari" about:"ARI of the Asterisk node" accepts:"an http or https URL without user and query, as http://127.0.0.1:8088/ari"`
		Username    string `default:"metaflows" about:"user in ari.conf" accepts:"a user name"`
		Password    string `secret:"true" about:"password of that user" accepts:"the password of METAFLOWS_ARI_USERNAME in ari.conf"`
		Application string `default:"metaflows" about:"name in Stasis(name)" accepts:"1 to 64 letters, digits, _ or -"`
	}
	Node string `about:"this Asterisk node's name in events; the host's name if empty" accepts:"1 to 64 letters, digits, _ or -"`
	NATS struct {
		URL    string `file:"true" about:"external NATS server; empty: the embedded one" accepts:"URLs as nats://host:4222, separated by commas, or nothing"`
		Creds  string `about:"credentials file for it" accepts:"the path of a readable file"`
		Listen string `default:"127.0.0.1:4222" about:"where the embedded server listens for subscribers; off: nowhere" accepts:"host:port or off"`
	}
	Events struct {
		MaxAge   time.Duration `split_words:"true" about:"how long events are kept; empty: 168h in a new stream, one that is there stays as it is" accepts:"a duration of a second or more, as 720h"`
		MaxBytes Size          `split_words:"true" about:"how much room events take; empty: 256MiB in a new stream, one that is there stays as it is" accepts:"1MiB or more, as 512MiB, 1GiB"`
	}
	HTTP struct {
		Addr string `default:"127.0.0.1:8000" about:"where the REST API listens" accepts:"host:port"`
	}
	Pprof struct {
		Addr string `about:"where Go's profiles can be had, on this machine only; empty: nowhere" accepts:"host:port of this machine, as 127.0.0.1:6060, or nothing"`
	}
	Auth struct {
		RateLimit int `split_words:"true" default:"10" about:"requests a second that a client without a token may make, ten times as many at once; 0: any, with a token too" accepts:"a whole number from 0 to 1000000"`
	}
	Account struct {
		MaxDocuments int  `split_words:"true" default:"25000" about:"documents that an account may have; 0: any number" accepts:"a whole number from 0 to 1000000000"`
		MaxBytes     Size `split_words:"true" default:"64MiB" about:"bytes of an account's documents and directory entries, as stored; 0: any number" accepts:"a size, as 64MiB, 1GiB, or 0"`
		MaxAPIKeys   int  `split_words:"true" default:"100" about:"API keys that an account may have; 0: any number" accepts:"a whole number from 0 to 1000000000"`
		MaxUsers     int  `split_words:"true" default:"20000" about:"users that an account may have in the directory; 0: any number" accepts:"a whole number from 0 to 1000000000"`
		MaxDevices   int  `split_words:"true" default:"20000" about:"devices that an account may have in the directory; 0: any number" accepts:"a whole number from 0 to 1000000000"`
	}
	DataDir            string        `split_words:"true" default:"data" about:"folder for what is kept on disk" accepts:"a folder that can be written"`
	AdminToken         string        `split_words:"true" secret:"true" about:"super-admin token; empty: made at first start" accepts:"16 to 512 printable characters without spaces"`
	BindingDigit       string        `split_words:"true" default:"*" about:"arms collection where no document says which" accepts:"one of 0-9 * #"`
	DigitTimeout       time.Duration `split_words:"true" default:"800ms" about:"time between two digits of a code" accepts:"a duration of 1ms to 1m, as 800ms"`
	Precedence         string        `default:"device" about:"device: account < user < device; kazoo: account < device < user" accepts:"device or kazoo"`
	Directory          string        `default:"open" about:"open: documents for any well-formed id; strict: only for what is in the directory" accepts:"open or strict"`
	DirectoryEndpoints string        `split_words:"true" about:"what devices of the directory may have as endpoint beside PJSIP/<endpoint>" accepts:"patterns (RE2) of whole dialstrings, separated by commas, as PJSIP/\\d{4,15}@trunk, or nothing"`
	PatternSearch      string        `split_words:"true" default:"start" about:"start: patterns match from the first digit; anywhere: as Kazoo" accepts:"start or anywhere"`
	Absorb             string        `default:"armed" about:"armed: the other party hears nothing of a code; off: it hears everything" accepts:"armed or off"`
	BlockedAddresses   string        `split_words:"true" default:"loopback,link-local,private,unspecified" about:"what URLs in documents must not name" accepts:"loopback, link-local, private, unspecified, networks, addresses and names, separated by commas, or none"`
	Recording          struct {
		Max         time.Duration `default:"2h" about:"longest recording" accepts:"a duration of a second or more, as 2h"`
		DeliveryFor time.Duration `split_words:"true" default:"24h" about:"how long is tried to deliver a recording" accepts:"a duration of a second or more, as 24h"`
		Retention   time.Duration `default:"0s" about:"how long recordings are kept; 0s: until they are deleted" accepts:"a duration of an hour or more, as 720h, or 0s"`
		Keep        string        `default:"no" about:"yes: a recording that was delivered stays in Asterisk's folder, too" accepts:"yes or no"`
		Name        string        `default:"{account}/{call}/{id}" about:"what recordings are called in Asterisk's recording folder" accepts:"folders and a name of letters, digits, _ . + - and {account}, {user}, {device}, {call}, {id}, {uniqueid}, {linkedid}, {from}, {to}, {yyyy}, {mm}, {dd}, {yyyymmdd}, {hhmmss}, up to 200 characters, with {id} and {call}, or {hhmmss} and {call} or {uniqueid}, so that no two are called alike"`
		CDR         string        `default:"no" about:"yes: CDR(recordingfile) of the recorded leg says what its recording is called" accepts:"yes or no"`
	}
	Recordings struct {
		MaxBytes Size `split_words:"true" about:"how much room recordings without a url take; empty: 10GiB in a new object store, one that is there stays as it is" accepts:"1MiB or more, as 512MiB, 1GiB"`
	}
	Log struct {
		Level  string `default:"info" about:"debug, info, warn, error" accepts:"debug, info, warn or error"`
		Format string `default:"text" about:"text or json" accepts:"text or json"`
	}
}

// Load reads the environment. warnings name variables that begin with METAFLOWS_ and mean nothing to us. The error is
// one line for people that names the variable, its value unless it is a secret, and what is accepted.
//
// Empty variables are removed from the process's environment, and a secret's file is not read again.
func Load() (cfg Config, warnings []string, err error) { return load(true) }

// load is Load; without asterisk, the password of ARI is not needed, and what would be read from files is not read, but for
// the token.
func load(asterisk bool) (cfg Config, warnings []string, err error) {
	vars := variables()
	for _, v := range vars {
		for _, name := range []string{v.Name, v.Name + "_FILE"} {
			if value, ok := os.LookupEnv(name); ok && value == "" {
				_ = os.Unsetenv(name)
			}
		}
	}
	if warnings, err = strangers(os.Environ(), vars); err != nil {
		return Config{}, warnings, err
	}
	if err := envconfig.Process(prefix, &cfg); err != nil {
		if bad, ok := errors.AsType[*envconfig.ParseError](err); ok {
			return Config{}, warnings, wrong(vars, bad.KeyName, bad.Value)
		}
		return Config{}, warnings, err
	}
	if err := cfg.secrets(vars, asterisk); err != nil {
		return Config{}, warnings, err
	}
	if cfg.Node == "" {
		cfg.Node = hostNode()
	}
	err = cfg.check(vars, asterisk)
	return cfg, warnings, err
}

// Help is the table of variables for people.
func Help() string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, v := range variables() {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", v.Name, v.Default, v.About)
	}
	_ = table.Flush()
	fmt.Fprintf(&b, "  %s read the value from a file.\n", strings.Join(files(variables()), ", "))
	return b.String()
}

// wrong is the line that stops the start.
func wrong(vars []variable, name, value string) error {
	for _, v := range vars {
		if v.Name != name {
			continue
		}
		if v.Secret {
			return fmt.Errorf("%s has a wrong value (not shown); accepted is %s", name, v.Accepts)
		}
		if strings.HasSuffix(name, "_URL") {
			if value = shownURLs(value); value == "" {
				return fmt.Errorf("%s has a wrong value (not shown: it may have a login); accepted is %s", name, v.Accepts)
			}
		}
		return fmt.Errorf("%s=%q is wrong; accepted is %s", name, value, v.Accepts)
	}
	return fmt.Errorf("%s=%q is wrong", name, value)
}

// files are the names of the variables that give another's value as a file.
func files(vars []variable) []string {
	var names []string
	for _, v := range vars {
		if v.File {
			names = append(names, v.Name+"_FILE")
		}
	}
	return names
}

// strangers looks for variables of ours that we do not know: a near miss of a known one is taken for a typing error and
// stops the start, as does the file form of one that has none; any other is a warning. Names as orchestrators make them for a service called metaflows are never
// near misses.
func strangers(environ []string, vars []variable) (warnings []string, err error) {
	known, noFile := map[string]bool{}, map[string]bool{}
	for _, v := range vars {
		known[v.Name] = true
		known[v.Name+"_FILE"], noFile[v.Name+"_FILE"] = v.File, !v.File
	}
	sort.Strings(environ)
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix+"_") || known[name] {
			continue
		}
		if noFile[name] {
			return warnings, fmt.Errorf("%s: %s cannot be given as a file; accepted are %s", name, strings.TrimSuffix(name, "_FILE"), strings.Join(files(vars), ", "))
		}
		if !injected.MatchString(name) {
			for _, v := range vars {
				for candidate := v.Name; known[candidate]; candidate += "_FILE" {
					if distance(name, candidate) <= 2 {
						return warnings, fmt.Errorf("%s is not a variable of metaflows; did you mean %s?", name, candidate)
					}
				}
			}
		}
		warnings = append(warnings, name+" is not a variable of metaflows and is ignored")
	}
	return warnings, nil
}
