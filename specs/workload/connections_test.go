package workload

import "testing"

func TestConnections(t *testing.T) {
	needNetwork(t)
	made, err := Connections(bounded(t), "caller", 7, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 10 {
		t.Fatalf("%d connections were made, want 10", len(made))
	}
	ports := map[string]bool{}
	for i, one := range made {
		switch {
		case one.Comm != "caller" || one.PID == 0 || one.Remote.Port() == 0:
			t.Errorf("connection %d is %+v", i, one)
		case i >= 7 != one.Refused || one.Refused == one.Local.IsValid():
			t.Errorf("connection %d is refused: %+v", i, one)
		case one.Refused:
		case one.Segments < 3 || one.Accepted != (i%2 == 1): // data, an acknowledgement, the FIN
			t.Errorf("connection %d is %+v", i, one)
		}
		ports[one.Local.String()] = true
	}
	if len(ports) != 8 {
		t.Errorf("the sockets' addresses are %v, want 7 and none", ports)
	}
}
