package main

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document is the config file as it was written, and the only place that knows its keys.
// It keeps every value as text, so that one wrong value does not hide the faults of the
// next.
type document struct {
	Pipeline             setting                  `yaml:"pipeline"`
	Source               sourceDocument           `yaml:"source"`
	Warehouse            warehouseDocument        `yaml:"warehouse"`
	Bucket               bucketDocument           `yaml:"bucket"`
	Batch                batchDocument            `yaml:"batch"`
	HashKey              setting                  `yaml:"hash_key"`
	Tables               map[string]tableDocument `yaml:"tables"`
	CheckpointRefresh    setting                  `yaml:"checkpoint_refresh"`
	CheckpointRefreshWAL setting                  `yaml:"checkpoint_refresh_wal"`
	Listen               setting                  `yaml:"listen"`
	Log                  logDocument              `yaml:"log"`
}

// databaseDocument says how to reach a database; both have the same keys for it.
type databaseDocument struct {
	DSN         setting `yaml:"dsn"`
	Password    setting `yaml:"password"`
	CA          setting `yaml:"ca"`
	TLS         setting `yaml:"tls"`
	TLSInsecure setting `yaml:"tls_insecure"`
}

type sourceDocument struct {
	Database    databaseDocument `yaml:",inline"`
	Slot        setting          `yaml:"slot"`
	Publication setting          `yaml:"publication"`
	Create      setting          `yaml:"create"`
	LoadYield   setting          `yaml:"load_yield"`
	OnSlotLost  setting          `yaml:"on_slot_lost"`

	CataloguePoll setting `yaml:"catalogue_poll"`

	ProtocolFormat setting `yaml:"protocol_format"`
}

type warehouseDocument struct {
	Database       databaseDocument `yaml:",inline"`
	Schema         setting          `yaml:"schema"`
	MetadataSchema setting          `yaml:"metadata_schema"`
	CopyRole       setting          `yaml:"copy_role"`
	Readers        setting          `yaml:"readers"`
	QueryGroup     setting          `yaml:"query_group"`
	OnCopyError    setting          `yaml:"on_copy_error"`
	DDL            setting          `yaml:"ddl"`
}

type bucketDocument struct {
	URL         setting `yaml:"url"`
	Region      setting `yaml:"region"`
	KMSKey      setting `yaml:"kms_key"`
	Endpoint    setting `yaml:"endpoint"`
	Compression setting `yaml:"compression"`
}

type batchDocument struct {
	Rows        setting `yaml:"rows"`
	Bytes       setting `yaml:"bytes"`
	MaxAge      setting `yaml:"max_age"`
	MinInterval setting `yaml:"min_interval"`
}

type tableDocument struct {
	Columns        setting                 `yaml:"columns"`
	Exclude        setting                 `yaml:"exclude"`
	Target         setting                 `yaml:"target"`
	DistKey        setting                 `yaml:"distkey"`
	SortKey        setting                 `yaml:"sortkey"`
	Where          setting                 `yaml:"where"`
	UnlistedOnWire setting                 `yaml:"unlisted_on_wire"`
	Hash           setting                 `yaml:"hash"`
	Rename         map[string]setting      `yaml:"rename"`
	Types          map[string]setting      `yaml:"types"`
	Rules          map[string]rulesSetting `yaml:"rules"`
}

type logDocument struct {
	Level setting `yaml:"level"`
}

// setting is one value of the file, not checked yet. The zero value stands for one that
// was not written, or was written as null.
type setting struct {
	kind kind
	text string   // of a scalar, as written except for quotes and escapes
	list []string // of a sequence of scalars
}

type kind int

const (
	unset kind = iota
	scalar
	sequence
	other // a mapping, an alias, or a sequence that holds more than scalars
)

// UnmarshalYAML never fails: a wrong value is reported later, together with all others.
func (s *setting) UnmarshalYAML(n ast.Node) error {
	if text, ok := scalarText(n); ok {
		*s = setting{kind: scalar, text: text}
		return nil
	}
	items, ok := n.(*ast.SequenceNode)
	if !ok {
		*s = setting{kind: other}
		return nil
	}
	*s = setting{kind: sequence, list: []string{}}
	for _, item := range items.Values {
		text, ok := scalarText(item)
		if !ok {
			*s = setting{kind: other}
			return nil
		}
		s.list = append(s.list, text)
	}
	return nil
}

func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.NullNode:
		return "", false
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// byteOrderMark is the prefix that some editors write.
var byteOrderMark = []byte("\xef\xbb\xbf")

// parseDocument reads the file's text. It adds faults of shape: bad YAML, unknown keys,
// a value where there should be keys. It returns what is good, and whether the file
// could be read as a whole.
func parseDocument(text []byte, f *faults) (d document, ok bool) {
	file, err := parser.ParseBytes(bytes.TrimPrefix(text, byteOrderMark), 0)
	if err != nil {
		f.addYAML(err)
		return document{}, false
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.NullType {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		f.add("", "the file is empty", "write the config: the README has one to begin with")
		return document{}, false
	case len(bodies) > 1:
		f.add("", "the file holds more than one YAML document", "keep one, without --- between")
		return document{}, false
	}
	if _, isMap := bodies[0].(*ast.MappingNode); !isMap {
		f.add("", "the file holds no keys", "write keys, like pipeline: accounts")
		return document{}, false
	}
	f.keysAsText(bodies[0], "")
	f.locate(bodies[0], "")
	return decode(bodies[0], f)
}

// mapping returns a node's mapping, also if the node has an anchor.
func mapping(n ast.Node) (*ast.MappingNode, bool) {
	if named, is := n.(*ast.AnchorNode); is {
		n = named.Value
	}
	m, is := n.(*ast.MappingNode)
	return m, is
}

// keysAsText turns keys that YAML takes for numbers, booleans or null into text. They
// are meant as they are written: a column may be called true, and in other places such a
// key is simply unknown. Keys of any other kind become faults and are removed, because
// the decoder would silently drop everything beside one.
func (f *faults) keysAsText(n ast.Node, parent string) {
	m, ok := mapping(n)
	if !ok {
		return
	}
	m.Values = slices.DeleteFunc(m.Values, func(v *ast.MappingValueNode) bool {
		key := ast.Node(v.Key)
		if explicit, is := key.(*ast.MappingKeyNode); is { // written as "? key"
			key = explicit.Value
		}
		switch key := key.(type) {
		case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
			v.Key = ast.String(key.GetToken())
		case *ast.StringNode:
			v.Key = key
		case *ast.LiteralNode, *ast.MergeKeyNode:
		default:
			f.addNoKey(v.Key.GetToken(), parent)
			return true
		}
		f.keysAsText(v.Value, join(parent, v.Key.GetToken().Value))
		return false
	})
}

// decode fills a document. The decoder stops at the first fault, so decode cuts that out
// and tries again.
func decode(body ast.Node, f *faults) (document, bool) {
	for {
		var d document
		err := yaml.NodeToValue(body, &d, yaml.Strict())
		if err == nil {
			return d, true
		}
		path, value, ok := cut(body, errorToken(err), "")
		switch {
		case !ok:
			f.addUndecodable(err)
			return document{}, false
		case value == nil:
			f.addUnknown(path)
		case value.Type() == ast.SequenceType:
			f.add(path, "is a list, and there should be keys under it", knownKeys(path))
		default:
			f.add(path, "is one value, and there should be keys under it", knownKeys(path))
		}
	}
}

// cut removes the entry whose key or value begins with the token at. It returns the
// entry's path and, if the token was not its key, its value.
func cut(n ast.Node, at *token.Token, parent string) (path string, value ast.Node, ok bool) {
	m, isMap := mapping(n)
	if !isMap || at == nil {
		return "", nil, false
	}
	for i, v := range m.Values {
		path := join(parent, v.Key.GetToken().Value)
		key := v.Key.GetToken() == at
		if key || v.Value.GetToken() == at {
			m.Values = append(m.Values[:i:i], m.Values[i+1:]...)
			if key {
				return path, nil, true
			}
			return path, v.Value, true
		}
		if path, value, ok := cut(v.Value, at, path); ok {
			return path, value, true
		}
	}
	return "", nil, false
}

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// anyName describes the keys of the places where every name is allowed.
var anyName = map[string]string{
	"tables":          "one key for each table, as the source spells it: public.company",
	"tables.*.rename": "one key for each column that is to have another name in the warehouse: full_name: name",
	"tables.*.types":  "one key for each column that is to have another type in Redshift: note: VARCHAR(300)",
	"tables.*.rules":  "one key for each column, with a rule or with one for each kind of misfit: note: {too_long: null}",
}

// knownKeys lists the keys that are allowed in a place, for a fault.
func knownKeys(place string) string {
	if strings.HasPrefix(place, "tables.") {
		all := "tables.*"
		for _, within := range []string{".rename", ".types", ".rules"} {
			if strings.HasSuffix(place, within) {
				all += within
			}
		}
		place = all
	}
	if names, is := anyName[place]; is {
		return "known here: " + names
	}
	var here []string
	for _, path := range keysOf(reflect.TypeFor[document](), "") {
		if dot := strings.LastIndexByte(path, '.'); path[:max(dot, 0)] == place {
			here = append(here, path[dot+1:])
		}
	}
	if len(here) == 0 {
		return "take it out"
	}
	return "known here: " + strings.Join(here, ", ")
}

// keysOf returns the paths, from the document's root on, of all keys in a part of it. A
// star stands for the names of tables and columns.
func keysOf(part reflect.Type, path string) []string {
	switch {
	case part.Kind() == reflect.Map:
		return keysOf(part.Elem(), join(path, "*"))
	case part.Kind() != reflect.Struct || part == reflect.TypeFor[setting]() || part == reflect.TypeFor[rulesSetting]():
		return nil
	}
	var all []string
	for i := range part.NumField() {
		f := part.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		at := path
		if option != "inline" {
			at = join(path, name)
			all = append(all, at)
		}
		all = append(all, keysOf(f.Type, at)...)
	}
	return all
}
