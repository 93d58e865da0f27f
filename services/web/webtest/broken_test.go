package webtest_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// broken is the scripted platform, of which some methods answer otherwise. Each changes
// what was asked before the platform is asked, or the answer.
type broken struct {
	*webtest.Platform

	silent  string // a method that does nothing
	query   func(q *web.EventQuery)
	page    func(p *web.EventPage, err *error)
	event   func(e *web.Event, err *error)
	by      func(by *web.Caller) // of every call that has a caller who is somebody
	key     func(key *string)
	total   func(total *money.Amount)
	booking func(method string, b *web.Booking, err *error)
	token   func(token *string) // of a payment
	tickets func(all []web.Ticket)
	holder  func(h *web.Holder, err *error)
	back    func(ids *[]string)
	file    func(kind web.DocumentKind, d *web.Document, err *error)
	list    func(items []web.Booking, next *string) []web.Booking
	err     func(method string, err error) error // of methods that answer nothing else
	tokens  func(method string, t *web.Tokens, err *error)
	account func(a *web.Account, err *error)
	profile func(p *web.Profile)
	logins  func(items []web.AccountSession) []web.AccountSession
}

func apply[T any](change func(*T), to *T) {
	if change != nil {
		change(to)
	}
}

func applied[T any](change func(*T, *error), to T, err error) (T, error) {
	if change != nil {
		change(&to, &err)
	}
	return to, err
}

func (b *broken) Events(ctx context.Context, by web.Caller, q web.EventQuery) (web.EventPage, error) {
	apply(b.query, &q)
	p, err := b.Platform.Events(ctx, by, q)
	return applied(b.page, p, err)
}

func (b *broken) Event(ctx context.Context, by web.Caller, id string) (web.Event, error) {
	e, err := b.Platform.Event(ctx, by, id)
	return applied(b.event, e, err)
}

func (b *broken) booked(method string, out web.Booking, err error) (web.Booking, error) {
	if b.booking != nil {
		b.booking(method, &out, &err)
	}
	return out, err
}

func (b *broken) Begin(ctx context.Context, by web.Caller, key, eventID string, items []web.Quantity, total money.Amount) (web.Booking, error) {
	apply(b.key, &key)
	apply(b.by, &by)
	apply(b.total, &total)
	out, err := b.Platform.Begin(ctx, by, key, eventID, items, total)
	return b.booked("Begin", out, err)
}

func (b *broken) Pay(ctx context.Context, by web.Caller, key, bookingID, token string) (web.Booking, error) {
	apply(b.key, &key)
	apply(b.token, &token)
	out, err := b.Platform.Pay(ctx, by, key, bookingID, token)
	return b.booked("Pay", out, err)
}

func (b *broken) AnswerSandbox(ctx context.Context, by web.Caller, url string, confirmed bool) error {
	return b.told("AnswerSandbox", func() error { return b.Platform.AnswerSandbox(ctx, by, url, confirmed) })
}

func (b *broken) Extend(ctx context.Context, by web.Caller, key, bookingID string) (web.Booking, error) {
	apply(b.key, &key)
	out, err := b.Platform.Extend(ctx, by, key, bookingID)
	return b.booked("Extend", out, err)
}

func (b *broken) Abandon(ctx context.Context, by web.Caller, bookingID string) (web.Booking, error) {
	out, err := b.Platform.Abandon(ctx, by, bookingID)
	return b.booked("Abandon", out, err)
}

func (b *broken) Correct(ctx context.Context, by web.Caller, bookingID string, buyer web.Buyer) (web.Booking, error) {
	out, err := b.Platform.Correct(ctx, by, bookingID, buyer)
	return b.booked("Correct", out, err)
}

func (b *broken) Bookings(ctx context.Context, by web.Caller, cursor string) ([]web.Booking, string, error) {
	items, next, err := b.Platform.Bookings(ctx, by, cursor)
	if b.list != nil && err == nil {
		items = b.list(items, &next)
	}
	return items, next, err
}

func (b *broken) Booking(ctx context.Context, by web.Caller, id string) (web.Booking, error) {
	apply(b.by, &by)
	out, err := b.Platform.Booking(ctx, by, id)
	return b.booked("Booking", out, err)
}

func (b *broken) Tickets(ctx context.Context, by web.Caller, id string) ([]web.Ticket, error) {
	out, err := b.Platform.Tickets(ctx, by, id)
	if b.tickets != nil {
		b.tickets(out)
	}
	return out, err
}

func (b *broken) ChangeHolder(ctx context.Context, by web.Caller, id, ticketID string, to web.Holder) (web.Ticket, error) {
	t, err := b.Platform.ChangeHolder(ctx, by, id, ticketID, to)
	if b.holder != nil {
		b.holder(&t.Holder, &err)
	}
	return t, err
}

func (b *broken) Return(ctx context.Context, by web.Caller, key, id string, ids []string) (web.Booking, error) {
	apply(b.key, &key)
	apply(b.back, &ids)
	out, err := b.Platform.Return(ctx, by, key, id, ids)
	return b.booked("Return", out, err)
}

func (b *broken) Document(ctx context.Context, by web.Caller, id, ticketID string, kind web.DocumentKind, locale string) (web.Document, error) {
	d, err := b.Platform.Document(ctx, by, id, ticketID, kind, locale)
	if b.file != nil {
		b.file(kind, &d, &err)
	}
	return d, err
}

func (b *broken) told(method string, do func() error) error {
	err := do()
	if b.err != nil {
		return b.err(method, err)
	}
	return err
}

func (b *broken) Resend(ctx context.Context, by web.Caller, key, id string) error {
	apply(b.key, &key)
	return b.told("Resend", func() error { return b.Platform.Resend(ctx, by, key, id) })
}

func (b *broken) Claim(ctx context.Context, by web.Caller, id string) (web.Booking, error) {
	apply(b.by, &by)
	out, err := b.Platform.Claim(ctx, by, id)
	return b.booked("Claim", out, err)
}

func (b *broken) End(ctx context.Context, by web.Caller, id string) error {
	if b.silent == "End" {
		return nil
	}
	return b.Platform.End(ctx, by, id)
}

func (b *broken) got(method string, t web.Tokens, err error) (web.Tokens, error) {
	if b.tokens != nil {
		b.tokens(method, &t, &err)
	}
	return t, err
}

func (b *broken) AdmitGuest(ctx context.Context, by web.Caller, g web.Guest) (web.Tokens, error) {
	t, err := b.Platform.AdmitGuest(ctx, by, g)
	return b.got("AdmitGuest", t, err)
}

func (b *broken) Register(ctx context.Context, by web.Caller, r web.Registration) error {
	return b.told("Register", func() error { return b.Platform.Register(ctx, by, r) })
}

func (b *broken) LogIn(ctx context.Context, by web.Caller, email, password string) (web.Tokens, error) {
	t, err := b.Platform.LogIn(ctx, by, email, password)
	return b.got("LogIn", t, err)
}

func (b *broken) Renew(ctx context.Context, by web.Caller, refresh string) (web.Tokens, error) {
	t, err := b.Platform.Renew(ctx, by, refresh)
	return b.got("Renew", t, err)
}

func (b *broken) LogOut(ctx context.Context, by web.Caller, refresh string) error {
	if b.silent == "LogOut" {
		return nil
	}
	return b.Platform.LogOut(ctx, by, refresh)
}

func (b *broken) Me(ctx context.Context, by web.Caller) (web.Account, error) {
	a, err := b.Platform.Me(ctx, by)
	return applied(b.account, a, err)
}

func (b *broken) Change(ctx context.Context, by web.Caller, p web.Profile) (web.Account, error) {
	apply(b.profile, &p)
	a, err := b.Platform.Change(ctx, by, p)
	return applied(b.account, a, err)
}

func (b *broken) ChangeEmail(ctx context.Context, by web.Caller, email, password string) error {
	return b.told("ChangeEmail", func() error { return b.Platform.ChangeEmail(ctx, by, email, password) })
}

func (b *broken) Sessions(ctx context.Context, by web.Caller, cursor string) ([]web.AccountSession, string, error) {
	items, next, err := b.Platform.Sessions(ctx, by, cursor)
	if b.logins != nil {
		items = b.logins(items)
	}
	return items, next, err
}

func (b *broken) EndSession(ctx context.Context, by web.Caller, id string) error {
	if b.silent == "EndSession" {
		return nil
	}
	return b.Platform.EndSession(ctx, by, id)
}

func (b *broken) RequestVerification(ctx context.Context, by web.Caller, email string) error {
	return b.told("RequestVerification", func() error { return b.Platform.RequestVerification(ctx, by, email) })
}

func (b *broken) ConfirmVerification(ctx context.Context, by web.Caller, token string) error {
	return b.told("ConfirmVerification", func() error { return b.Platform.ConfirmVerification(ctx, by, token) })
}

func (b *broken) ConfirmEmail(ctx context.Context, by web.Caller, token string) error {
	return b.told("ConfirmEmail", func() error { return b.Platform.ConfirmEmail(ctx, by, token) })
}

func (b *broken) ResetPassword(ctx context.Context, by web.Caller, token, password string) error {
	return b.told("ResetPassword", func() error { return b.Platform.ResetPassword(ctx, by, token, password) })
}

var errUnknown = errors.New("an error that nobody knows")

// of replaces an error by another.
func of(from, to error) func(string, error) error {
	return func(_ string, err error) error {
		if errors.Is(err, from) {
			return to
		}
		return err
	}
}

// lost replaces a refusal.
func lost(code string, to error) func(method string, b *web.Booking, err *error) {
	return func(_ string, _ *web.Booking, err *error) {
		if web.Refused(*err) == code {
			*err = to
		}
	}
}

func TestSuitesCatchBrokenAdapters(t *testing.T) {
	t.Parallel()
	fresh := func(key *string) { *key += time.Now().String() }
	for name, c := range map[string]struct {
		suite    string
		break_   broken
		caughtBy string
	}{
		"ignores_the_city":        {"Catalog", broken{query: func(q *web.EventQuery) { q.City = "" }}, "every_part_of_the_query_leaves_out_what_does_not_match"},
		"ignores_the_words":       {"Catalog", broken{query: func(q *web.EventQuery) { q.Text = "" }}, "every_part_of_the_query_leaves_out_what_does_not_match"},
		"ignores_the_category":    {"Catalog", broken{query: func(q *web.EventQuery) { q.Category = "" }}, "every_part_of_the_query_leaves_out_what_does_not_match"},
		"ignores_the_time":        {"Catalog", broken{query: func(q *web.EventQuery) { q.From = time.Unix(0, 0) }}, "events_that_are_over_are_left_out"},
		"hides_cancelled_events":  {"Catalog", broken{page: func(p *web.EventPage, _ *error) { p.Events = slices.DeleteFunc(p.Events, cancelled) }}, "cancelled_events_are_listed"},
		"ends_after_one_page":     {"Catalog", broken{page: func(p *web.EventPage, _ *error) { p.Next = "" }}, "the_pages_together_neither_repeat_nor_skip_an_event"},
		"has_one_page_only":       {"Catalog", broken{query: func(q *web.EventQuery) { q.Cursor = "" }}, "the_pages_together_neither_repeat_nor_skip_an_event"},
		"takes_any_cursor":        {"Catalog", broken{query: func(q *web.EventQuery) { q.Cursor = "" }}, "a_cursor_that_the_platform_did_not_give_out_is_refused"},
		"forgets_the_doors":       {"Catalog", broken{event: func(e *web.Event, _ *error) { e.DoorsAt = time.Time{} }}, "an_event_is_returned_whole"},
		"forgets_a_ticket_type":   {"Catalog", broken{event: func(e *web.Event, _ *error) { e.TicketTypes = e.TicketTypes[:1] }}, "an_event_is_returned_whole"},
		"sells_cancelled_events":  {"Catalog", broken{event: func(e *web.Event, _ *error) { e.TicketTypes[0].State = web.OnSale }}, "cancelled_events_are_returned"},
		"says_no_zone":            {"Catalog", broken{event: func(e *web.Event, _ *error) { e.StartsAt = e.StartsAt.UTC() }}, "times_are_in_the_event's_zone"},
		"sells_what_is_sold_out":  {"Catalog", broken{event: func(e *web.Event, _ *error) { e.TicketTypes[0].State = web.OnSale }}, "each_ticket_type_says_whether_it_can_be_booked_now"},
		"finds_what_is_not_there": {"Catalog", broken{event: func(_ *web.Event, err *error) { *err = nil }}, "an_id_that_is_none_is_not_found"},
		"outlives_its_context":    {"Catalog", broken{page: func(_ *web.EventPage, err *error) { *err = nil }}, "a_call_ends_with_its_context"},

		"holds_twice":               {"Checkouts", broken{key: fresh}, "a_repeated_Begin_holds_nothing_more"},
		"pays_twice":                {"Checkouts", broken{key: fresh}, "a_repeated_payment_pays_nothing_more"},
		"extends_twice":             {"Checkouts", broken{key: fresh}, "an_extension_gives_a_full_period"},
		"takes_any_key":             {"Checkouts", broken{key: fresh}, "a_key_of_another_request_is_refused"},
		"charges_another_price":     {"Checkouts", broken{total: func(total *money.Amount) { total.AmountMinor = 5000 }}, "tickets_that_do_not_cost_the_total_are_refused"},
		"says_nothing_of_sold_out":  {"Checkouts", broken{booking: lost("sold_out", web.ErrUnavailable)}, "tickets_that_are_gone_are_refused"},
		"finds_no_event":            {"Checkouts", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = errUnknown }}, "an_event_that_does_not_exist_is_not_found"},
		"forgets_the_end_of_a_hold": {"Checkouts", broken{booking: func(_ string, b *web.Booking, _ *error) { b.Payment.ExpiresAt = time.Time{} }}, "the_tickets_are_held_until_a_time"},
		"forgets_that_it_is_paid":   {"Checkouts", broken{booking: func(_ string, b *web.Booking, _ *error) { b.Status = web.Pending }}, "a_paid_booking_is_confirmed"},
		"needs_a_card_for_nothing":  {"Checkouts", broken{token: func(token *string) { *token = "tok_declined" }, booking: func(m string, b *web.Booking, err *error) { b.Payment.Status = "captured" }}, "a_free_booking_is_confirmed_without_a_token"},
		"forgets_the_action":        {"Checkouts", broken{booking: func(m string, b *web.Booking, _ *error) { b.Payment.Action = nil }}, "a_payment_that_needs_the_buyer_has_an_action"},
		"fails_when_declined":       {"Checkouts", broken{booking: func(m string, b *web.Booking, _ *error) { b.Reason = "payment_declined" }}, "a_declined_payment_leaves_the_tickets_held"},
		"takes_any_card":            {"Checkouts", broken{token: func(token *string) { *token = "tok_visa" }}, "a_declined_payment_leaves_the_tickets_held"},
		"confirms_what_is_refused":  {"Checkouts", broken{booking: func(m string, b *web.Booking, _ *error) { b.Status = web.Confirmed }}, "a_refused_payment_leaves_the_tickets_held"},
		"answers_twice":             {"Checkouts", broken{err: func(string, error) error { return nil }}, "nothing_waits_at_the_URL_of_an_action_any_more"},
		"pays_what_is_paid":         {"Checkouts", broken{booking: lost("already_paid", nil)}, "a_booking_that_is_paid_is_refused"},
		"extends_without_end":       {"Checkouts", broken{booking: lost("no_more_extensions", nil)}, "a_third_extension_is_refused"},
		"forgets_why_it_failed":     {"Checkouts", broken{booking: func(m string, b *web.Booking, _ *error) { b.Reason = "" }}, "an_abandoned_checkout_gives_its_tickets_back"},
		"keeps_the_old_contact":     {"Checkouts", broken{booking: func(m string, b *web.Booking, _ *error) { b.Buyer.Phone = "" }}, "the_whole_contact_is_replaced"},
		"names_no_field":            {"Checkouts", broken{booking: func(m string, _ *web.Booking, err *error) { noFields(*err) }}, "a_contact_that_is_not_allowed_names_the_field"},
		"knows_no_token":            {"Checkouts", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = errUnknown }}, "without_a_token_nobody_books"},

		"lists_oldest_first":        {"Bookings", broken{list: func(items []web.Booking, _ *string) []web.Booking { slices.Reverse(items); return items }}, "bookings_are_listed,_newest_first"},
		"lists_one_page":            {"Bookings", broken{list: func(items []web.Booking, next *string) []web.Booking { *next = ""; return items }}, "the_pages_together_neither_repeat_nor_skip_a_booking"},
		"shows_no_key":              {"Bookings", broken{by: func(by *web.Caller) { by.BookingKey = "" }}, "whoever_has_its_buyer's_key_reads_a_booking"},
		"reads_others_bookings":     {"Bookings", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = nil }}, "nobody_else_finds_a_booking"},
		"shows_no_codes":            {"Bookings", broken{tickets: func(all []web.Ticket) { clearCodes(all) }}, "a_ticket_has_a_code_while_it_is_valid"},
		"keeps_the_old_code":        {"Bookings", broken{tickets: func(all []web.Ticket) { clearCodes(all) }}, "after_the_payment_the_old_code_ends"},
		"forgets_the_holder":        {"Bookings", broken{holder: func(h *web.Holder, _ *error) { *h = web.Holder{} }}, "before_the_payment_the_holder_is_named"},
		"passes_anything_on":        {"Bookings", broken{holder: func(_ *web.Holder, err *error) { *err = nil }}, "tickets_of_an_event_without_transfers_are_not_passed_on"},
		"refuses_no_holder":         {"Bookings", broken{holder: func(_ *web.Holder, err *error) { noFields(*err) }}, "a_holder_that_is_not_allowed_names_the_field"},
		"forgets_the_refund":        {"Bookings", broken{booking: func(_ string, b *web.Booking, _ *error) { b.Refunds = nil }}, "a_part_leaves_the_rest_of_the_booking_valid"},
		"gives_back_the_first":      {"Bookings", broken{back: func(ids *[]string) { *ids = (*ids)[:1] }}, "all_tickets_cancel_the_booking"},
		"gives_back_twice":          {"Bookings", broken{key: fresh}, "a_repeated_Return_gives_nothing_more_back"},
		"gives_back_what_is_back":   {"Bookings", broken{booking: lost("ticket_cancelled", nil)}, "a_ticket_that_was_given_back_is_refused"},
		"says_no_media_type":        {"Bookings", broken{file: func(_ web.DocumentKind, d *web.Document, _ *error) { d.ContentType = "application/octet-stream" }}, "every_document_has_its_media_type"},
		"cuts_documents_off":        {"Bookings", broken{file: func(_ web.DocumentKind, d *web.Document, _ *error) { d.Body = io.NopCloser(io.LimitReader(d.Body, 2)) }}, "every_document_has_its_media_type"},
		"draws_what_is_not_there":   {"Bookings", broken{file: func(_ web.DocumentKind, d *web.Document, err *error) { *err = nil }}, "what_is_not_confirmed_has_no_documents"},
		"sends_twice":               {"Bookings", broken{key: fresh}, "the_tickets_are_mailed_again"},
		"sends_nothing":             {"Bookings", broken{err: func(string, error) error { return nil }}, "without_tickets_nothing_is_mailed_again"},
		"reads_without_a_token":     {"Bookings", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = nil }}, "without_a_token_nobody_reads"},
		"finds_a_booking_by_no_id":  {"Bookings", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = nil }}, "an_id_that_is_none_is_not_found"},
		"finds_what_others_booked":  {"Bookings", broken{list: func(items []web.Booking, _ *string) []web.Booking { return append(items, web.Booking{}) }}, "nobody_else's_bookings_are_listed"},
		"claims_for_nobody":         {"Links", broken{booking: func(_ string, b *web.Booking, _ *error) { b.Buyer.Email = "guest@example.com" }}, "a_claimed_booking_is_the_account's"},
		"shows_the_token_alone":     {"Links", broken{by: func(by *web.Caller) { by.BookingKey = "" }}, "a_claimed_booking_is_the_account's"},
		"claims_by_any_key":         {"Links", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = nil }}, "a_booking_is_claimed_with_its_buyer's_key_alone"},
		"claims_for_guests":         {"Links", broken{booking: func(_ string, _ *web.Booking, err *error) { *err = nil }}, "a_guest_claims_nothing"},
		"ends_no_link":              {"Links", broken{silent: "End"}, "an_ended_link_opens_nothing"},
		"forgets_when_a_token_ends": {"SignIns", broken{tokens: func(_ string, t *web.Tokens, _ *error) { t.ExpiresAt = time.Time{} }}, "a_guest's_token_is_good_for_a_while"},
		"admits_anybody":            {"SignIns", broken{tokens: func(_ string, _ *web.Tokens, err *error) { noFields(*err) }}, "a_guest_that_is_not_allowed_names_the_field"},
		"forgets_the_refresh_token": {"SignIns", broken{tokens: func(_ string, t *web.Tokens, _ *error) { t.Refresh = "" }}, "an_account_that_was_registered_logs_in"},
		"registers_twice":           {"SignIns", broken{err: func(string, error) error { return nil }}, "an_address_that_has_an_account_is_refused"},
		"registers_anybody":         {"SignIns", broken{err: func(_ string, err error) error { noFields(err); return err }}, "an_account_that_is_not_allowed_names_the_field"},
		"says_it_is_away":           {"SignIns", broken{tokens: func(_ string, _ *web.Tokens, err *error) { *err = unless(*err, web.ErrUnavailable) }}, "address_and_password_that_do_not_belong_together_are_refused"},
		"says_not_when":             {"SignIns", broken{tokens: func(_ string, _ *web.Tokens, err *error) { noTime(*err) }}, "too_many_tries_are_refused_for_a_while"},
		"has_new_successors":        {"SignIns", broken{tokens: func(m string, t *web.Tokens, _ *error) { fresh(&t.Refresh) }}, "the_same_refresh_token_answers_the_same_successor"},
		"says_it_is_away_for_good":  {"SignIns", broken{tokens: func(_ string, _ *web.Tokens, err *error) { *err = unless(*err, web.ErrUnavailable) }}, "a_session_that_is_over_is_not_renewed"},
		"logs_nobody_out":           {"SignIns", broken{silent: "LogOut"}, "a_session_that_was_logged_out_is_not_renewed"},
		"forgets_the_name":          {"Accounts", broken{account: func(a *web.Account, _ *error) { a.Name = "" }}, "an_account_is_returned_whole"},
		"removes_what_is_left_out":  {"Accounts", broken{profile: func(p *web.Profile) { empty := ""; p.Locale = &empty }}, "what_is_nil_stays"},
		"changes_no_password":       {"Accounts", broken{profile: func(p *web.Profile) { p.Password = nil }}, "a_new_password_ends_all_sessions"},
		"takes_any_password":        {"Accounts", broken{account: func(_ *web.Account, err *error) { *err = nil }}, "a_wrong_current_password_is_refused"},
		"names_no_wrong_field":      {"Accounts", broken{account: func(_ *web.Account, err *error) { noFields(*err) }}, "a_name_that_is_not_allowed_names_the_field"},
		"changes_the_address":       {"Accounts", broken{account: func(a *web.Account, _ *error) { a.Email = "new@example.com" }}, "the_old_address_stays_until_the_new_one_is_proven"},
		"knows_no_current_session":  {"Accounts", broken{logins: func(items []web.AccountSession) []web.AccountSession { items[0].Current = false; return items }}, "the_caller's_own_session_is_the_current_one"},
		"ends_no_session":           {"Accounts", broken{silent: "EndSession"}, "an_ended_session_is_not_renewed"},
		"ends_others_sessions":      {"Accounts", broken{silent: "EndSession"}, "a_session_of_somebody_else_is_not_found"},
		"shows_guests_an_account":   {"Accounts", broken{account: func(_ *web.Account, err *error) { *err = nil }}, "without_an_account's_token_nobody_has_an_account"},
		"tells_who_has_an_account":  {"Proofs", broken{err: func(method string, err error) error { return errUnknown }}, "the_answer_is_the_same_whether_there_is_an_account_or_not"},
		"verifies_twice":            {"Proofs", broken{err: func(string, error) error { return nil }}, "the_account's_address_is_verified,_once"},
		"takes_others_addresses":    {"Proofs", broken{err: func(string, error) error { return nil }}, "the_account_has_the_new_address"},
		"resets_twice":              {"Proofs", broken{err: func(_ string, err error) error { return unless(err, nil) }}, "the_new_password_logs_in,_and_all_sessions_are_over"},
		"takes_any_token":           {"Proofs", broken{err: func(string, error) error { return nil }}, "a_token_that_was_never_sent_is_refused"},
		"changes_without_a_token":   {"Proofs", broken{err: of(web.ErrSignedOut, errUnknown)}, "without_an_account's_token_no_address_is_changed"},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			suites[c.suite](t, func(*testing.T) webtest.World {
				b := c.break_
				b.Platform = webtest.NewPlatform(nil)
				return worldOf(b.Platform, &b)
			})
		}, c.caughtBy)
	}
}

func cancelled(e web.Event) bool { return e.Status == web.Cancelled }

func clearCodes(all []web.Ticket) {
	for i := range all {
		all[i].Code = strings.Repeat("A", 120)
	}
}

func noFields(err error) {
	if r, ok := errors.AsType[*web.Refusal](err); ok {
		r.Fields = nil
	}
}

func noTime(err error) {
	if r, ok := errors.AsType[*web.Refusal](err); ok {
		r.RetryAfter = 0
	}
}

// unless is another error in the place of one.
func unless(err, other error) error {
	if err == nil {
		return nil
	}
	return other
}
