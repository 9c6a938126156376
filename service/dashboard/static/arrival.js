// From a page of ours the session's cookie is sent, which it was not from the other site's.
location.replace(document.getElementById("go-on").href);
