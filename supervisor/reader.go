package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// quoteLimit is how much of a bad line an error quotes.
const quoteLimit = 80

// read takes the worker's lines until the pipe ends or the worker broke a
// rule. It is the goroutine that CallDone is called on.
func (w *Worker) read() {
	frames := rpc.NewFrameReader(w.wire.out, w.cfg.MaxMessage)
	defer frames.Close()
	burst := frames.Burst()
	if w.cfg.BusyPoll >= 0 {
		frames.Linger(true, w.link.owes)
	}
	for {
		line, err := frames.Next()
		var tooLong *rpc.FrameTooLongError
		switch {
		case err == nil:
			if err := w.take(line, burst); err != nil {
				w.violate(err.Error())
				return
			}
		case errors.As(err, &tooLong):
			w.violate(fmt.Sprintf("it wrote a line of more than %d bytes (max-message)", tooLong.Limit))
			return
		case errors.Is(err, io.ErrUnexpectedEOF):
			// It died in the middle of a line. A whole message without its
			// newline counts; half a one was never said.
			_ = w.take(line, burst)
			w.suspect("it closed its reply pipe")
			return
		default:
			w.suspect("it closed its reply pipe")
			return
		}
	}
}

// take handles one line; an error is a broken rule.
func (w *Worker) take(line []byte, b *rpc.Burst) error {
	m, err := rpc.ScanReply(line)
	if err != nil {
		return fmt.Errorf("it wrote what is no message: %w: %s", err, quote(line))
	}
	if m.IsReply() {
		return w.takeReply(m, b)
	}
	if m.ID != nil {
		return fmt.Errorf("it sent a request, which nobody here answers: %s", quote(line))
	}
	switch string(m.Method) {
	case "mochi.ready":
		return w.takeReady(m.Params)
	case "mochi.failed":
		return w.takeFailed(m.Params)
	case "mochi.moved":
		return w.takeMoved(m.Params)
	case "mochi.refs":
		return w.takeRefs(m.Params)
	}
	if known, err := w.takeSaid(m, b); known {
		return err
	}
	return fmt.Errorf("it sent a notification that the protocol does not know: %s", quote(m.Method))
}

func (w *Worker) takeReply(m rpc.Inbound, b *rpc.Burst) error {
	id, ok := rpc.LinkID(m.ID)
	if !ok {
		return fmt.Errorf("it answered an id that was never given: %s", quote(m.ID))
	}
	var failure *rpc.Error
	if m.Error != nil {
		failure = new(rpc.Error)
		if err := json.Unmarshal(m.Error, failure); err != nil {
			return fmt.Errorf("it answered %d with an error that is none: %w", id, err)
		}
	}
	unstarted := saysUnstarted(failure)
	if unstarted && !w.link.givesBack(id) {
		// While it still has its seat: with the worker's end it goes elsewhere.
		return fmt.Errorf("it gave call %d back, which nobody had asked for", id)
	}
	// Before the owner hears of it: from here the seat is anyone's.
	s, lane, service, left, ok := w.link.take(id, b.Now())
	if left == 0 {
		b.Last()
	}
	switch {
	case !ok:
		return fmt.Errorf("it answered id %d, which was never given or was answered before", id)
	case s.void && !unstarted:
		return fmt.Errorf("it ran call %d, which had been struck out before it started", id)
	case s.void:
		w.cfg.Owner.SeatFree(w, lane)
	case s.ask != nil:
		w.answered(s.ask, bytes.Clone(m.Result), failure)
	case failure != nil:
		w.cfg.Owner.CallDone(w, s.call, Answer{Lane: lane, Service: service, Err: failure, Burst: b})
	default:
		w.cfg.Owner.CallDone(w, s.call, Answer{Lane: lane, Service: service, Result: m.Result, Burst: b})
	}
	return nil
}

// saysUnstarted says that a reply is no outcome of the call: it was let go
// before it started.
func saysUnstarted(failure *rpc.Error) bool {
	var data struct{ Started *bool }
	return failure != nil && failure.Code == rpc.CodeRequestCancelled &&
		json.Unmarshal(failure.Data, &data) == nil && data.Started != nil && !*data.Started
}

func (w *Worker) takeReady(params []byte) error {
	var info ReadyInfo
	if err := json.Unmarshal(params, &info); err != nil {
		return fmt.Errorf("its mochi.ready cannot be read: %w", err)
	}
	if info.Protocol != ProtocolVersion {
		w.end(verdict{
			reason: ReasonStartProtocol, stage: StageProtocol,
			cause: fmt.Sprintf("it speaks version %d of the worker protocol and the daemon speaks %d", info.Protocol, ProtocolVersion),
		}, true)
		return nil
	}
	now := time.Now()
	w.mu.Lock()
	twice := !w.readied.IsZero()
	if w.state == Starting {
		// Before the state changes: who sees Ready must see this too.
		w.info, w.readied = info, now
	}
	took := now.Sub(w.started)
	w.mu.Unlock()
	if twice {
		return errors.New("it said mochi.ready twice")
	}
	if !w.apply(eventReady) {
		return nil // it is being stopped or drained: too late to matter
	}
	w.emit(BecameReady{Identity: w.ID(), Took: took, Python: info.Python})
	if w.cfg.onReady != nil {
		w.cfg.onReady()
	}
	if w.cfg.Owner != nil {
		w.cfg.Owner.WorkerReady(w, info)
	}
	close(w.ready)
	return nil
}

func (w *Worker) takeFailed(params []byte) error {
	if !w.readyAt().IsZero() {
		return errors.New("it said mochi.failed after mochi.ready")
	}
	var p struct {
		Stage Stage      `json:"stage"`
		Error *rpc.Error `json:"error"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("its mochi.failed cannot be read: %w", err)
	}
	if reasonOf(p.Stage) == "" {
		p.Stage = StageImport
	}
	v := verdict{reason: reasonOf(p.Stage), stage: p.Stage, cause: "the module did not import", failure: p.Error}
	// Its last words count even when they are read after its death: it exits
	// right behind them, and wait may be quicker than this goroutine.
	w.mu.Lock()
	if w.verdict.reason == "" {
		w.verdict = v
	}
	w.mu.Unlock()
	// It exits by itself now; the polite end is there for one that does not.
	w.end(v, false)
	return nil
}

func (w *Worker) takeMoved(params []byte) error {
	var p struct {
		ID   uint64 `json:"id"`
		Name string `json:"name"`
		Kind Kind   `json:"kind"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("its mochi.moved cannot be read: %w", err)
	}
	c, ok := w.link.move(p.ID)
	if !ok {
		return fmt.Errorf("it moved call %d, which is not on its main thread", p.ID)
	}
	if c != nil {
		w.cfg.Owner.CallMoved(w, c, p.Name, p.Kind)
	}
	return nil
}

// quote makes a worker's bytes fit for an error's text.
func quote(b []byte) string {
	if len(b) > quoteLimit {
		return fmt.Sprintf("%q…", b[:quoteLimit])
	}
	return fmt.Sprintf("%q", b)
}
