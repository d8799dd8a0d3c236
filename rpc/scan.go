package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// fewMembers is how many unknown members are compared one by one before a map
// takes over, so that a million of them cost a million steps and not its square.
const fewMembers = 16

// errNotObject: a whole JSON value that is no object.
var errNotObject = errors.New("the message is not a JSON object")

// scanner reads the envelope of one line. All slices it gives out are parts of
// that line. Duplicate names and escapes of lone surrogates are allowed inside
// params and results, because these pass through unchanged and what they mean is
// Python's business; duplicates among the envelope's own members are not.
type scanner struct {
	cursor
	others [][]byte
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// newScanner checks what is a property of the whole line.
func newScanner(line []byte) (*scanner, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("invalid UTF-8")
	}
	s := scanners.Get().(*scanner)
	s.cursor = cursor{line: line}
	return s, nil
}

// release gives the scanner back, without the line: a pooled one must not pin a
// huge message.
func (s *scanner) release() {
	s.cursor = cursor{}
	clear(s.others)
	s.others = s.others[:0]
	scanners.Put(s)
}

// end says whether nothing but white space is left.
func (s *scanner) end() error {
	if s.next() != 0 || s.at < len(s.line) {
		return errors.New("more than one value on the line")
	}
	return nil
}

// member is a set of envelope members.
type member uint8

const (
	memberVersion member = 1 << iota
	memberID
	memberMethod
	memberParams
	memberMeta
	memberResult
	memberError
	memberOther
)

// envelope is what one message object holds, before it is judged.
type envelope struct {
	Inbound
	seen    member
	twice   member
	version bool // jsonrpc is "2.0"
	object  bool // it is an object at all
	badName bool // method is not a string
}

// Inbound is one message of the wire, cut into its members. Every slice is a
// part of the scanned line: raw JSON, nil when the member was absent. Method
// alone is text, its quotes and escapes undone.
type Inbound struct {
	ID     []byte
	Method []byte
	Params []byte
	Meta   []byte
	Result []byte
	Error  []byte
}

// IsReply tells a response from a request or notification.
func (m *Inbound) IsReply() bool { return m.Method == nil }

// message reads the next value of the line into e. The error is one of JSON's
// grammar; everything else is for the caller to judge, after the whole line
// has proved to be JSON.
func (s *scanner) message(e *envelope) error {
	*e = envelope{}
	if s.next() != '{' {
		_, err := s.value()
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	e.object = true
	if s.next() == '}' {
		s.at++
		s.depth--
		return nil
	}
	s.others = s.others[:0]
	var many map[string]struct{}
	for more := true; more; {
		s.next()
		start := s.at
		err := s.name()
		if err != nil {
			return err
		}
		name := s.line[start : start+1+bytes.LastIndexByte(s.line[start:s.at], '"')]
		value, err := s.value()
		if err != nil {
			return err
		}
		if more, err = s.more(true); err != nil {
			return err
		}
		plain := name[1 : len(name)-1]
		if bytes.IndexByte(plain, '\\') >= 0 {
			plain = unquote(name)
		}
		bit := e.take(plain, value)
		if bit == memberOther {
			if many, bit = s.other(many, plain); bit == 0 {
				continue
			}
			e.seen |= bit
		}
		if e.seen&bit != 0 {
			e.twice |= bit
		}
		e.seen |= bit
	}
	return nil
}

// take files one member; memberOther means that it is none of ours.
func (e *envelope) take(name, value []byte) member {
	switch string(name) {
	case "jsonrpc":
		e.version = string(value) == `"2.0"` || value[0] == '"' && string(unquote(value)) == Version
		return memberVersion
	case "id":
		e.ID = value
		return memberID
	case "method":
		if value[0] != '"' {
			e.badName = true
			return memberMethod
		}
		e.Method = value[1 : len(value)-1]
		if bytes.IndexByte(e.Method, '\\') >= 0 {
			e.Method = unquote(value)
		}
		return memberMethod
	case "params":
		e.Params = value
		return memberParams
	case "meta":
		e.Meta = value
		return memberMeta
	case "result":
		e.Result = value
		return memberResult
	case "error":
		e.Error = value
		return memberError
	}
	return memberOther
}

// other remembers an unknown member's name; it gives memberOther when the name
// was there before, 0 when it is new.
func (s *scanner) other(many map[string]struct{}, name []byte) (map[string]struct{}, member) {
	if many == nil {
		for _, o := range s.others {
			if bytes.Equal(o, name) {
				return nil, memberOther
			}
		}
		s.others = append(s.others, name)
		if len(s.others) <= fewMembers {
			return nil, 0
		}
		many = make(map[string]struct{}, 2*fewMembers)
		for _, o := range s.others {
			many[string(o)] = struct{}{}
		}
		return many, 0
	}
	if _, ok := many[string(name)]; ok {
		return many, memberOther
	}
	many[string(name)] = struct{}{}
	return many, 0
}

// unquote gives the text of a JSON string that has escapes. A lone surrogate
// becomes U+FFFD; no name of ours holds one.
func unquote(quoted []byte) []byte {
	text, err := jsontext.AppendUnquote(make([]byte, 0, len(quoted)), quoted)
	if err != nil && text == nil {
		return []byte{}
	}
	return text
}

// ScanReply cuts one line of a peer that answers our requests: the worker leg.
// It is as strict as the server is with hosts, because what passes here is
// forwarded unread: one JSON object on the line, "jsonrpc":"2.0", no member
// twice, and either a method (a notification or request of the peer) or
// exactly one of result and error.
func ScanReply(line []byte) (Inbound, error) {
	s, err := newScanner(line)
	if err != nil {
		return Inbound{}, notJSON(err)
	}
	defer s.release()
	var e envelope
	if err := s.message(&e); err != nil {
		return Inbound{}, notJSON(err)
	}
	if err := s.end(); err != nil {
		return Inbound{}, notJSON(err)
	}
	return e.reply()
}

// reply judges a scanned message as one that a peer of ours may write.
func (e *envelope) reply() (Inbound, error) {
	switch {
	case !e.object:
		return Inbound{}, errNotObject
	case e.twice != 0:
		return Inbound{}, errors.New("a member of the message appears twice")
	case !e.version:
		return Inbound{}, errors.New(`"jsonrpc" is not "2.0"`)
	case e.badName:
		return Inbound{}, errors.New("the method is not a string")
	case e.seen&memberMethod != 0:
		if e.seen&(memberResult|memberError) != 0 {
			return Inbound{}, errors.New("a request with a result or an error")
		}
	case e.seen&memberID == 0:
		return Inbound{}, errors.New("a response without an id")
	case e.seen&(memberResult|memberError) == memberResult|memberError:
		return Inbound{}, errors.New("a response with both result and error")
	case e.seen&(memberResult|memberError) == 0:
		return Inbound{}, errors.New("neither request nor response")
	}
	return e.Inbound, nil
}

// LinkID reads an id of the worker leg: digits and nothing else, so that one
// number has one spelling and a worker cannot answer 7 as 7.0 or 07.
func LinkID(raw []byte) (uint64, bool) {
	const longest = len("18446744073709551615")
	if len(raw) == 0 || len(raw) >= longest || raw[0] == '0' && len(raw) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// notJSON words an error of the grammar.
func notJSON(err error) error { return fmt.Errorf("not JSON: %w", err) }
