package analysis

// A Workload is an object of Kubernetes that makes pods (Deployment, StatefulSet, CronJob ...), as a
// manifest has it. What is not said there has the API's default.
type Workload struct {
	Kind, Name, Namespace string
	At                    Location
	Source                string // the template that Helm rendered it from; "" if none is named
	Grace                 Number // terminationGracePeriodSeconds; not Set: 30
	HostNetwork           bool
	SharedProcesses       bool // shareProcessNamespace: process 1 is not the container's
	OS                    bool // os.name says which system its nodes have
	Ends                  bool // its containers are not started again when they end by themselves (restartPolicy)
	NoServiceLinks        bool // enableServiceLinks: false
	Security              Security
	Containers            []*Container
	Sidecars              []*Container // init containers that run on (restartPolicy: Always)
	Init                  []Text       // the images of the other init containers
	Labels, Annotations   map[string]string
	Monitors              []*Monitor // of the same input, that have its pods scraped
}

// LongRunning reports whether its pods run until they are told to end.
func (w *Workload) LongRunning() bool { return w.Kind != "Job" && w.Kind != "CronJob" && !w.Ends }

// ID tells it from other objects of its kind: "Deployment shop/web".
func (w *Workload) ID() string {
	if w.Namespace == "" {
		return w.Kind + " " + w.Name
	}
	return w.Kind + " " + w.Namespace + "/" + w.Name
}

// Node makes a Workload a Node.
func (w *Workload) Location() Location { return w.At }

// A Number is one that a manifest may set.
type Number struct {
	N   int64
	At  Location
	Set bool
}

// Or is the number, or its default.
func (n Number) Or(other int64) int64 {
	if n.Set {
		return n.N
	}
	return other
}

// Text is one that a manifest may set.
type Text struct {
	S   string
	At  Location
	Set bool
}

// Security is a security context. A container's counts before its pod's.
type Security struct {
	NonRoot  *bool // runAsNonRoot
	At       Location
	User     Number
	ReadOnly bool // readOnlyRootFilesystem
	ReadAt   Location
}

// A Container is one of a pod.
type Container struct {
	Workload *Workload
	Name     string
	At       Location
	Image    Text
	Command  []Text // nil: the image's ENTRYPOINT
	Args     []Text // nil: the image's CMD
	Workdir  Text
	Env      []EnvVar
	EnvFrom  bool // a Secret, or a ConfigMap that is not in the input, sets others
	// EnvSources are what else sets variables, in order: those of a ConfigMap of the input are in Env too.
	EnvSources []EnvSource
	Security   Security
	Mounts     []Mount
	Ports      map[string]int64 // by name
	Declared   []int64          // all of them
	Liveness   *Probe
	Readiness  *Probe
	Startup    *Probe
	PreStop    *Handler
	PostStart  *Handler
	Stop       Text // lifecycle.stopSignal
	CPU        Text // of its limits
	Memory     Text
	Asked      Text // CPU of its requests
	GPU        bool // it asks for one
}

// Location makes a Container a Node.
func (c *Container) Location() Location { return c.At }

// An EnvVar is a variable of a container's environment.
type EnvVar struct {
	Name, Value string
	Known       bool // false: a Secret, a ConfigMap that is not in the input, or a field decides it
	At          Location

	ConfigMap, Key string // that decides it; "" where none does
}

// An EnvSource is a ConfigMap that sets variables, or, where that is "", a Secret.
type EnvSource struct{ ConfigMap, Prefix string }

// Lookup returns the variable of that name; of several the last counts.
func (c *Container) Lookup(name string) (v EnvVar, ok bool) {
	for _, e := range c.Env {
		if e.Name == name {
			v, ok = e, true
		}
	}
	return v, ok
}

// A Mount is a volume in a container.
type Mount struct {
	Path     string
	ReadOnly bool
	SubPath  bool
	Fixed    bool // of a ConfigMap, a Secret or what Kubernetes itself writes: nothing else is in it

	ConfigMap string   // whose keys are its files; "" where that is not what it is
	Files     []string // of a Fixed one; nil where they are not known

	At Location
}

// A Handler is what the kubelet does: for a probe, or for a hook.
type Handler struct {
	Kind    string // "exec", "httpGet", "tcpSocket", "grpc", "sleep"
	Command []string
	Port    string // a number or a name
	Host    string
	Path    string
	Service string   // of grpc
	Headers []string // of httpGet: "Host: localhost"
	Seconds Number   // of sleep
	At      Location
}

// A Probe is one of a container, with the API's defaults.
type Probe struct {
	Handler
	InitialDelay, Period, Timeout, Failure int64
}

// A Monitor is an object that has Prometheus's operator scrape pods: those that Selector names, or, if it is of Services, those that a
// Service with such labels sends to.
type Monitor struct {
	Kind, Name, Namespace string
	Selector              map[string]string
	Ports                 []string // of the pods, numbers or names; of Services also names of their ports
	At                    Location
}

// A Service is an object that sends to pods.
type Service struct {
	Name, Namespace string
	Labels          map[string]string
	Names           map[string]string // what port of the pods a port of it stands for, by its name
	Selector        map[string]string
	Targets         []string // ports of the pods, numbers or names
	NoAddress       bool     // headless, or a name of another place: no variables are set for it
	At              Location
}

// Selects reports whether the service sends to the pods of w.
func (s *Service) Selects(w *Workload) bool {
	return s.Namespace == w.Namespace && Selects(s.Selector, w.Labels)
}

// Selects reports whether labels are those that a selector wants; one that wants nothing selects nothing.
func Selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}
