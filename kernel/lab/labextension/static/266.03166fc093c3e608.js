"use strict";(self.rspackChunkprovenance_lab=self.rspackChunkprovenance_lab||[]).push([[266],{"./node_modules/css-loader/dist/cjs.js!./style/index.css"(e,t,n){var r=n("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),o=n.n(r),a=n("./node_modules/css-loader/dist/runtime/api.js"),s=(n.n(a))()(o());s.push([e.id,`/* Stages at the cell's edge and in its corner; fills are after Okabe and Ito, as in pictures of lineage. */
:root {
  --provenance-0: #0072b2;
  --provenance-1: #b86a00;
  --provenance-2: #00805c;
  --provenance-3: #a8487e;
  --provenance-4: #8a7d00;
  --provenance-5: #554fa3;
  --provenance-warn: #a33a00;
}

[data-jp-theme-light="false"] {
  --provenance-0: #56b4e9;
  --provenance-1: #e69f00;
  --provenance-2: #2fc79a;
  --provenance-3: #e08cc0;
  --provenance-4: #e0d24a;
  --provenance-5: #a7a1f0;
  --provenance-warn: #ffab7a;
}

[data-provenance-stage="0"] {
  --provenance-stage: var(--provenance-0);
}
[data-provenance-stage="1"] {
  --provenance-stage: var(--provenance-1);
}
[data-provenance-stage="2"] {
  --provenance-stage: var(--provenance-2);
}
[data-provenance-stage="3"] {
  --provenance-stage: var(--provenance-3);
}
[data-provenance-stage="4"] {
  --provenance-stage: var(--provenance-4);
}
[data-provenance-stage="5"] {
  --provenance-stage: var(--provenance-5);
}

/* Beside what the cell holds: its own edge is the active cell's. */
[data-provenance-stage]:not([data-provenance-stage=""]) > :is(.jp-Cell-inputWrapper, .jp-Cell-outputWrapper) {
  box-shadow: -3px 0 var(--provenance-stage);
}

[data-provenance-stage] > .jp-Cell-inputWrapper {
  position: relative;
}

/* Half of it lies in the gap below the input, where no code is. */
.provenance-mark {
  position: absolute;
  right: 8px;
  bottom: -8px;
  z-index: 1;
  max-width: 75%;
  overflow: hidden;
  padding: 0 6px;
  border: 1px solid var(--provenance-stage, var(--jp-border-color1));
  border-radius: 8px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: 11px/14px var(--jp-ui-font-family);
  text-overflow: ellipsis;
  white-space: nowrap;
  cursor: pointer;
}

/* Where the toolbar would lie over code, JupyterLab hides it; this is there all the same. */
.provenance-mark:empty {
  display: none;
}
.jp-mod-active .provenance-mark:empty {
  display: block;
}
.provenance-mark:empty::before {
  content: "stage…";
}
.provenance-mark:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
}
.provenance-stale {
  color: var(--provenance-warn);
  font-weight: 600;
}

.provenance-picker select {
  max-width: 12em;
  height: 20px;
  border: 0;
  background: transparent;
  color: var(--jp-ui-font-color1);
  font: 11px var(--jp-ui-font-family);
}

.provenance-picker option {
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
}
.provenance-picker select:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
}

.provenance-panel iframe {
  width: 100%;
  height: 100%;
  border: 0;
  background: var(--jp-layout-color0);
}
`,""]),n.d(t,{},{A:s})},"./node_modules/css-loader/dist/runtime/api.js"(e){e.exports=function(e){var t=[];return t.toString=function(){return this.map(function(t){var n="",r=void 0!==t[5];return t[4]&&(n+="@supports (".concat(t[4],") {")),t[2]&&(n+="@media ".concat(t[2]," {")),r&&(n+="@layer".concat(t[5].length>0?" ".concat(t[5]):""," {")),n+=e(t),r&&(n+="}"),t[2]&&(n+="}"),t[4]&&(n+="}"),n}).join("")},t.i=function(e,n,r,o,a){"string"==typeof e&&(e=[[null,e,void 0]]);var s={};if(r)for(var i=0;i<this.length;i++){var c=this[i][0];null!=c&&(s[c]=!0)}for(var l=0;l<e.length;l++){var d=[].concat(e[l]);r&&s[d[0]]||(void 0!==a&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=a),n&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=n),o&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=o):d[4]="".concat(o)),t.push(d))}},t}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(e){e.exports=function(e){return e[1]}},"./style/index.css"(e,t,n){n.r(t);var r=n("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),o=n.n(r),a=n("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),s=n.n(a),i=n("./node_modules/style-loader/dist/runtime/insertBySelector.js"),c=n.n(i),l=n("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),d=n.n(l),p=n("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),u=n.n(p),v=n("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),m=n.n(v),f=n("./node_modules/css-loader/dist/cjs.js!./style/index.css"),h={};h.styleTagTransform=m(),h.setAttributes=d(),h.insert=c().bind(null,"head"),h.domAPI=s(),h.insertStyleElement=u(),o()(f.A,h);let y=f.A&&f.A.locals?f.A.locals:void 0;n.d(t,{},{default:y})},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(e){var t=[];function n(e){for(var n=-1,r=0;r<t.length;r++)if(t[r].identifier===e){n=r;break}return n}function r(e,r){for(var o={},a=[],s=0;s<e.length;s++){var i=e[s],c=r.base?i[0]+r.base:i[0],l=o[c]||0,d="".concat(c," ").concat(l);o[c]=l+1;var p=n(d),u={css:i[1],media:i[2],sourceMap:i[3],supports:i[4],layer:i[5]};if(-1!==p)t[p].references++,t[p].updater(u);else{var v=function(e,t){var n=t.domAPI(t);return n.update(e),function(t){t?(t.css!==e.css||t.media!==e.media||t.sourceMap!==e.sourceMap||t.supports!==e.supports||t.layer!==e.layer)&&n.update(e=t):n.remove()}}(u,r);r.byIndex=s,t.splice(s,0,{identifier:d,updater:v,references:1})}a.push(d)}return a}e.exports=function(e,o){var a=r(e=e||[],o=o||{});return function(e){e=e||[];for(var s=0;s<a.length;s++){var i=n(a[s]);t[i].references--}for(var c=r(e,o),l=0;l<a.length;l++){var d=n(a[l]);0===t[d].references&&(t[d].updater(),t.splice(d,1))}a=c}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(e){var t={};e.exports=function(e,n){var r=function(e){if(void 0===t[e]){var n=document.querySelector(e);if(window.HTMLIFrameElement&&n instanceof window.HTMLIFrameElement)try{n=n.contentDocument.head}catch(e){n=null}t[e]=n}return t[e]}(e);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(n)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(e){e.exports=function(e){var t=document.createElement("style");return e.setAttributes(t,e.attributes),e.insert(t,e.options),t}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(e,t,n){e.exports=function(e){var t=n.nc;t&&e.setAttribute("nonce",t)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var t=e.insertStyleElement(e);return{update:function(n){var r,o,a;r="",n.supports&&(r+="@supports (".concat(n.supports,") {")),n.media&&(r+="@media ".concat(n.media," {")),(o=void 0!==n.layer)&&(r+="@layer".concat(n.layer.length>0?" ".concat(n.layer):""," {")),r+=n.css,o&&(r+="}"),n.media&&(r+="}"),n.supports&&(r+="}"),(a=n.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),e.styleTagTransform(r,t,e.options)},remove:function(){var e;null===(e=t).parentNode||e.parentNode.removeChild(e)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(e){e.exports=function(e,t){if(t.styleSheet)t.styleSheet.cssText=e;else{for(;t.firstChild;)t.removeChild(t.firstChild);t.appendChild(document.createTextNode(e))}}}}]);