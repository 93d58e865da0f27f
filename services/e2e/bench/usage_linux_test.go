package main

import (
	"os"
	"testing"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	m, err := startMeter(map[string]int{"itself": os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	for worked := 0.0; worked < 0.05; { // of its own time, which the clock is not
		now, err := cpuSeconds(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		worked = now - m.began["itself"]
	}
	usage, err := m.read()
	if err != nil {
		t.Fatal(err)
	}
	if len(usage) != 3 || usage[0].Process != "itself" || usage[0].CPUSeconds <= 0 || usage[0].PeakMB <= 1 || usage[1].CPUSeconds <= 0 {
		t.Errorf("%+v", usage)
	}
}
