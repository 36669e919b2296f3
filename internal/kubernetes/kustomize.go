package kubernetes

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/internal/nodes"
)

// A Kustomization is what one file says of others, by paths that are relative to its directory (kubectl.docs.kubernetes.io, "The
// Kustomization File").
type Kustomization struct {
	Parts   []string // manifests, and directories with kustomizations of their own
	Patches []string // files that change what the parts have: parts of manifests themselves
	Changes bool     // it changes what the parts have, by files or in itself
	Alone   bool     // it can be built: it is no component of others
}

// MaxKustomization is how many bytes of one are read.
const MaxKustomization = 1 << 20

// KustomizationNames are what the file is called.
var KustomizationNames = []string{"kustomization.yaml", "kustomization.yml"}

// ParseKustomization reads the text of one. Errors begin with the line.
func ParseKustomization(text []byte) (*Kustomization, error) {
	root, err := nodes.Read(text, nodes.Limits{Nodes: maxNodes, Depth: maxDepth, Scalar: maxScalar})
	if err != nil {
		return nil, err
	}
	k := &Kustomization{Alone: str(nodes.Value(root, "kind")) != "Component"}
	for _, key := range []string{"resources", "bases", "components"} {
		for _, x := range items(nodes.Value(root, key)) {
			if s := str(x); s != "" {
				k.Parts = append(k.Parts, s)
			}
		}
	}
	for _, key := range []string{"images", "namePrefix", "nameSuffix", "transformers"} {
		k.Changes = k.Changes || nodes.Value(root, key) != nil
	}
	for _, key := range []string{"patches", "patchesStrategicMerge", "patchesJson6902", "replacements", "components"} {
		for _, x := range items(nodes.Value(root, key)) {
			k.Changes = true
			if x.Kind == yaml.MappingNode {
				x = nodes.Value(x, "path")
			}
			if s := str(x); s != "" && key != "components" && !strings.Contains(s, "\n") { // a text is a patch itself
				k.Patches = append(k.Patches, s)
			}
		}
	}
	return k, nil
}
