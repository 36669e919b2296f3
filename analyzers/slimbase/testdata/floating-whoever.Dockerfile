# No tag and latest float whoever publishes the image, in FROM and in COPY --from.
# want "no tag: a rebuild may take another version"
# want "has no digest"
FROM registry.example.com/team/base
# want "\"ghcr.io/team/tool:latest\" has no version"
COPY --from=ghcr.io/team/tool:latest /a /a
COPY --from=ghcr.io/team/tool:1.2 /b /b
