# A toolchain that its own RUN removes from the home of root.
FROM python:3.14-slim
RUN curl -sSf https://sh.rustup.rs | sh -s -- -y && pip install a==1 && rm -rf "$HOME/.cargo" "$HOME/.rustup"
