package projects

import (
	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/internal/nodes"
)

// Images lists the images that the services of a compose file run, in order: those that are built too, where they are
// named. A name that a variable decides is as the file writes it.
func Images(text []byte) (refs []string, err error) {
	root, err := nodes.Read(text, limits)
	if err != nil {
		return nil, err
	}
	services := nodes.Value(root, "services")
	if services == nil || services.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 1; i < len(services.Content); i += 2 {
		if image := nodes.Value(services.Content[i], "image"); image != nil && image.Kind == yaml.ScalarNode && image.Value != "" {
			refs = append(refs, image.Value)
		}
	}
	return refs, nil
}
