package user

import "github.com/openboxoffice/boxoffice/services/internal/contact"

// EmailKey is contact.EmailKey: no two accounts have one.
func EmailKey(email string) string { return contact.EmailKey(email) }

// MailboxKey is contact.MailboxKey: mails are counted by it.
func MailboxKey(email string) string { return contact.MailboxKey(email) }
