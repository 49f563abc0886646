#!/bin/sh
# Writes kubectl's completions beside it, so that a shell reads them when Tab is first pressed
# and not at each start. $1 is the layer's root.
set -eu
folder="$1/usr/share/bash-completion/completions"
mkdir -p "$folder"
"$1/usr/local/bin/kubectl" completion bash > "$folder/kubectl"
cat > "$folder/k" <<'END'
. /usr/share/bash-completion/completions/kubectl
complete -o default -F __start_kubectl k
END
