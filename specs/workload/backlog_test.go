package workload

import "testing"

func TestBacklog(t *testing.T) {
	needNetwork(t)
	if err := Backlog(bounded(t), 37, 33); err != nil {
		t.Error(err)
	}
}
