package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

type settings struct {
	URL   string            `env:"X_URL,required"`
	Key   string            `env:"X_KEY,notEmpty"`
	On    bool              `env:"X_ON" envDefault:"true"`
	Pause time.Duration     `env:"X_PAUSE" envDefault:"1s"`
	Map   map[string]string `env:"X_MAP"`
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := config.Parse[settings](map[string]string{"X_URL": "u", "X_KEY": "k", "X_MAP": "a:b,c:d"})
	if err != nil || got.URL != "u" || !got.On || got.Pause != time.Second || got.Map["c"] != "d" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEveryWrongVariableIsNamedAndNoValueTold(t *testing.T) {
	t.Parallel()
	_, err := config.Parse[settings](map[string]string{"X_KEY": "", "X_ON": "s3cret", "X_PAUSE": "s3cret", "X_MAP": "s3cret"})
	if err == nil {
		t.Fatal("nonsense is taken")
	}
	for _, variable := range []string{"X_URL", "X_KEY", "X_ON", "X_PAUSE", "X_MAP"} {
		if !strings.Contains(err.Error(), variable) {
			t.Errorf("%s is not named: %v", variable, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a value is told: %v", err)
	}
}
