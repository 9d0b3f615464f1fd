package phone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// allowed are the methods that the phone understands, for Allow (RFC 3261
// section 20.5).
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, REFER, MESSAGE"

// maxChallenges is how often one request is sent again with new credentials:
// once for the challenge and once for a stale nonce.
const maxChallenges = 2

// newRequest builds a request with all headers that RFC 3261 section 8.1.1
// asks for. Every request is built anew, also to repeat it with credentials:
// the transaction layer may still be sending the last one.
func (p *Phone) newRequest(method sip.RequestMethod, uri sip.Uri, from *sip.FromHeader, to *sip.ToHeader, callID string, cseq uint32) *sip.Request {
	req := sip.NewRequest(method, uri)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: p.host(), Port: p.addr.Port}
	via.Params.Add("branch", sip.GenerateBranchN(16))
	via.Params.Add("rport", "")
	id := sip.CallIDHeader(callID)
	forwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(via)
	req.AppendHeader(&forwards)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: cseq, MethodName: method})
	req.AppendHeader(p.contact())
	req.SetBody(nil)
	p.route(req)
	return req
}

// route makes req leave through the phone's own socket.
func (p *Phone) route(req *sip.Request) {
	req.SetTransport("UDP")
	req.Laddr = sip.Addr{IP: p.addr.IP, Port: p.addr.Port}
}

// do sends a request other than INVITE and returns its final answer, whatever
// its status. It blocks until then, until ctx is done or the phone is closed;
// without an answer it gives up after 32 s (RFC 3261, timer F).
func (p *Phone) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	if !p.goTracked(nil) {
		return nil, fmt.Errorf("%s: %w", req.Method, errClosed)
	}
	defer p.wg.Done()
	start := time.Now()
	tx, err := p.txl.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.Method, err)
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("%s: %w", req.Method, txError(tx))
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no answer in %s: %w", req.Method, since(start), ctx.Err())
		case <-p.ctx.Done():
			return nil, fmt.Errorf("%s: %w", req.Method, errClosed)
		}
	}
}

// doAuthorized sends the request that build makes, and when it is challenged
// the one that build makes with the credentials.
func (p *Phone) doAuthorized(ctx context.Context, build func(credentials sip.Header) *sip.Request) (*sip.Response, error) {
	var credentials sip.Header
	for challenges := 0; ; challenges++ {
		req := build(credentials)
		res, err := p.do(ctx, req)
		if err != nil {
			return nil, err
		}
		if !challenged(res) || challenges == maxChallenges {
			return res, nil
		}
		if credentials, err = p.authorize(req, res); err != nil {
			return nil, err
		}
	}
}

// challenged reports whether res asks for credentials.
func challenged(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}

// authorize answers the digest challenge in res with the header to repeat the
// request with (RFC 3261 section 22, RFC 8760).
func (p *Phone) authorize(req *sip.Request, res *sip.Response) (sip.Header, error) {
	ask, reply := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		ask, reply = "Proxy-Authenticate", "Proxy-Authorization"
	}
	err := errors.New("no challenge in the answer")
	for _, h := range res.GetHeaders(ask) {
		var challenge *digest.Challenge
		if challenge, err = digest.ParseChallenge(h.Value()); err != nil {
			continue
		}
		challenge.Algorithm = strings.ToUpper(challenge.Algorithm)
		var cred *digest.Credentials
		cred, err = digest.Digest(challenge, digest.Options{
			Method: req.Method.String(), URI: req.Recipient.String(),
			Username: p.cfg.User, Password: p.cfg.Password,
		})
		if err == nil {
			return sip.NewHeader(reply, cred.String()), nil
		}
	}
	return nil, fmt.Errorf("%s: %d %s: %w", req.Method, res.StatusCode, res.Reason, err)
}

// txError is why a transaction ended without a final answer.
func txError(tx sip.Transaction) error {
	return cmp.Or(tx.Err(), errors.New("transaction ended without an answer"))
}

// reply answers a request that belongs to no call or needs no body.
func (p *Phone) reply(req *sip.Request, tx sip.ServerTransaction, code int, reason string, headers ...sip.Header) {
	res := sip.NewResponseFromRequest(req, code, reason, nil)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	if err := tx.Respond(res); err != nil {
		p.log.Debug("answer not sent", "method", req.Method.String(), "status", code, "error", err)
	}
}

// headerValues joins the values of all headers called name.
func headerValues(msg interface{ GetHeaders(string) []sip.Header }, name string) string {
	var values []string
	for _, h := range msg.GetHeaders(name) {
		values = append(values, h.Value())
	}
	return strings.Join(values, ", ")
}

// reasonPhrases are the phrases of the statuses that tests use.
var reasonPhrases = map[int]string{
	100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted",
	301: "Moved Permanently", 302: "Moved Temporarily", 400: "Bad Request", 403: "Forbidden",
	404: "Not Found", 408: "Request Timeout", 410: "Gone", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 484: "Address Incomplete", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 503: "Service Unavailable", 600: "Busy Everywhere",
	603: "Decline", 604: "Does Not Exist Anywhere",
}

// phrase is the reason phrase of a status.
func phrase(code int) string { return cmp.Or(reasonPhrases[code], "Status") }
