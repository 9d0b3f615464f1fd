package flows

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode/utf8"
)

// Limits of a document's patterns (flows/README.md, Documents). 2,000 instructions need no 32 KiB of text; that limit is for
// hostile character classes, of which a few bytes cost syntax.Parse much and the program nothing: each one of Unicode (\pL)
// counts as patClassText more.
const (
	patMaxPatterns     = 200
	patMaxLength       = 1 << 10 // bytes of one
	patMaxInstructions = 2000
	patMaxText         = 32 << 10
	patClassText       = 64
	patMaxEffort       = 16 << 10 // bytes that are parsed again to find the places of mistakes
)

// patBudget is what a document's patterns may still spend of the limits.
type patBudget struct{ instructions, text, effort int }

func patLimits() patBudget { return patBudget{patMaxInstructions, patMaxText, patMaxEffort} }

// The twelve keys as bits of a mask, and their classes. For RE2's \b a digit is a word character, * and # are not.
const (
	patWordKeys  uint16 = 1<<10 - 1
	patOtherKeys uint16 = 1<<10 | 1<<11
	patAllKeys          = patWordKeys | patOtherKeys
)

// Contexts of a position: what key is before it, and what key is after it.
const (
	patNone  = 0 // before the first key, after the last
	patWord  = 1
	patOther = 2
)

// patKeysOf are the keys of a context.
var patKeysOf = [3]uint16{0, patWordKeys, patOtherKeys}

// patFlags are the empty-width conditions that hold between two contexts.
var patFlags = func() (flags [3][3]syntax.EmptyOp) {
	sample := [3]rune{-1, '0', '*'}
	for before := range sample {
		for after := range sample {
			flags[before][after] = syntax.EmptyOpContext(sample[before], sample[after])
		}
	}
	return flags
}()

// patKeyBit is the key's bit, 0 for what is no key.
func patKeyBit(key byte) uint16 {
	switch {
	case key >= '0' && key <= '9':
		return 1 << (key - '0')
	case key == '*':
		return 1 << 10
	case key == '#':
		return 1 << 11
	}
	return 0
}

// patContext is the context that a key makes.
func patContext(bit uint16) int {
	if bit&patWordKeys != 0 {
		return patWord
	}
	return patOther
}

type patOp uint8

const (
	patFail patOp = iota
	patMatch
	patNop
	patAlt
	patCapture
	patEmpty
	patKeys
)

// patInst is one instruction of a program: syntax.Inst, reduced to twelve keys.
type patInst struct {
	op   patOp
	need uint8 // patEmpty: the conditions
	out  uint16
	arg  uint16   // patAlt: the second choice; patCapture: the slot
	keys uint16   // patKeys: the keys it takes
	more [3]uint8 // patKeys: the fewest keys to a match, itself included, when it takes a key of that context
}

// usable are the keys that the instruction takes and that can lead to a match within so many keys.
func (in *patInst) usable(within uint8) uint16 {
	var keys uint16
	if in.more[patWord] <= within {
		keys = in.keys & patWordKeys
	}
	if in.more[patOther] <= within {
		keys |= in.keys & patOtherKeys
	}
	return keys
}

// patProgram is a compiled pattern. Slots 0 and 1 are the matched text.
type patProgram struct {
	insts []patInst
	start uint16
	slots int
	takes int // instructions that take a key: as many threads there can be, and the first
	// looks says how many contexts after a position the pattern can tell apart: 1 none, 2 the end and a key, 3 the
	// end, a word key and another.
	looks int
	// fixed: every match has the same text and the same captures, wherever it is.
	fixed bool
}

// patPattern is a pattern of a document. The program that searches anywhere is made when it is first asked for.
type patPattern struct {
	program  *patProgram
	anywhere func() *patProgram
}

// patCompile compiles a pattern (RE2 syntax, flags as package regexp), or says why not. spent: a limit is reached, so the
// rest of the patterns need not be tried.
func patCompile(source string, budget *patBudget) (pattern *patPattern, problem string, spent bool) {
	classes := strings.Count(source, `\p`) + strings.Count(source, `\P`)
	if budget.text -= len(source) + classes*patClassText; budget.text < 0 {
		return nil, fmt.Sprintf("The document's patterns have more than %d bytes up to here, where a class as \\pL counts as %d more", patMaxText, patClassText), true
	}
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, patExplain(source, err, &budget.effort), false
	}
	limit := budget.instructions
	if patAtLeast(re, limit) <= limit {
		program, err := patBuild(re)
		if err != nil {
			return nil, "Pattern does not compile (RE2): " + err.Error(), false
		}
		if budget.instructions -= len(program.insts); budget.instructions >= 0 {
			anywhere := sync.OnceValue(func() *patProgram { return patAnywhere(source, program.fixed) })
			return &patPattern{program: program, anywhere: anywhere}, "", false
		}
	}
	return nil, fmt.Sprintf("The document's patterns have more than %d program instructions (RE2) up to here", patMaxInstructions), true
}

// patAnywhere is the program of (?s:.*?)(source), whose group is slots 0 and 1; nil if the source does not compile.
func patAnywhere(source string, fixed bool) *patProgram {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := patBuild(&syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{
		{Op: syntax.OpStar, Flags: syntax.NonGreedy, Sub: []*syntax.Regexp{{Op: syntax.OpAnyChar}}},
		{Op: syntax.OpCapture, Cap: 0, Sub: []*syntax.Regexp{re}},
	}})
	if err != nil {
		return nil
	}
	program.fixed = fixed
	return program
}

// patAtLeast is a lower bound of the instructions, found without unfolding counted repetition; it stops above limit.
func patAtLeast(re *syntax.Regexp, limit int) int {
	n := 1
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpConcat:
		n = 0
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCapture:
		n = 2
	case syntax.OpAlternate:
		n = len(re.Sub) - 1
	case syntax.OpRepeat:
		return min(max(re.Min, re.Max)*patAtLeast(re.Sub[0], limit), limit+1)
	}
	for _, sub := range re.Sub {
		if n > limit {
			break
		}
		n += patAtLeast(sub, limit)
	}
	return min(n, limit+1)
}

func patBuild(re *syntax.Regexp) (*patProgram, error) {
	slots := 2 * (re.MaxCap() + 1)
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	p := &patProgram{insts: make([]patInst, len(prog.Inst)), start: uint16(prog.Start), slots: slots, takes: 1, looks: 1, fixed: true}
	for i := range prog.Inst {
		from, to := &prog.Inst[i], &p.insts[i]
		to.out, to.arg = uint16(from.Out), uint16(from.Arg)
		switch from.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			to.op, p.fixed = patAlt, false
		case syntax.InstCapture:
			to.op = patCapture
		case syntax.InstNop:
			to.op = patNop
		case syntax.InstMatch:
			to.op = patMatch
		case syntax.InstEmptyWidth:
			to.op, to.need = patEmpty, uint8(from.Arg)
			p.looks = max(p.looks, 2)
			if syntax.EmptyOp(from.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0 {
				p.looks = 3
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for _, key := range "0123456789*#" {
				if from.MatchRune(key) {
					to.keys |= patKeyBit(byte(key))
				}
			}
			if to.keys != 0 {
				to.op = patKeys
				p.takes++
				p.fixed = p.fixed && bits.OnesCount16(to.keys) == 1
			}
		}
	}
	p.measure()
	return p, nil
}

// patExplain says what RE2 does not accept, and where.
func patExplain(source string, err error, effort *int) string {
	e, ok := errors.AsType[*syntax.Error](err)
	if !ok {
		return "Pattern does not compile (RE2): " + err.Error()
	}
	message := "Pattern does not compile (RE2): " + string(e.Code)
	if e.Expr != "" && e.Code != syntax.ErrMissingParen && e.Code != syntax.ErrUnexpectedParen {
		message += fmt.Sprintf(" `%s`", e.Expr)
	}
	if at := patMistake(source, e, effort); at >= 0 {
		message += fmt.Sprintf(" at character %d", utf8.RuneCountInString(source[:at])+1)
	}
	for _, around := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(e.Expr, around) {
			message += "; RE2 has no look-around"
		}
	}
	return message
}

// patMistake is where the offending piece begins, which syntax.Error does not tell: the first such piece up to whose end
// the pattern fails in the same way. It is -1 when not found within the effort.
func patMistake(source string, e *syntax.Error, effort *int) int {
	parse := func(part string) error {
		*effort -= len(part)
		_, err := syntax.Parse(part, syntax.Perl)
		return err
	}
	piece := e.Expr
	switch e.Code {
	case syntax.ErrTrailingBackslash:
		return len(source) - 1
	case syntax.ErrMissingParen: // the last at which the pattern was complete
		for i := strings.LastIndexByte(source, '('); i >= 0; i = strings.LastIndexByte(source[:i], '(') {
			if *effort < i {
				return -1
			}
			if parse(source[:i]) == nil {
				return i
			}
		}
		return -1
	case syntax.ErrUnexpectedParen:
		piece = ")"
	}
	for end := 0; ; {
		i := strings.Index(source[end:], piece)
		if end += i + len(piece); i < 0 || *effort < end {
			return -1
		}
		if same, ok := errors.AsType[*syntax.Error](parse(source[:end])); ok && same.Code == e.Code {
			return end - len(piece)
		}
	}
}
