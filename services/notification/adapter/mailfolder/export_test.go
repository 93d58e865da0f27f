package mailfolder

// WithNames makes f write each mail to a file that has a name from the start, as
// where unnamed files cannot be had.
func WithNames(f *Folder) *Folder {
	f.unnamed = false
	return f
}
